"""The database, and the audit trail that lies in it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from wince.settings.part import Part


class Database(Part):
    """Database and audit trail

    Truth lies in PostgreSQL alone. `wince run` and `wince up` start one of their own where none is set; services need one.
    """

    pg_dsn: SecretStr | None = Field(default=None, examples=["postgresql://wince@db.example/wince?sslmode=verify-full"])
    """Connection string of a PostgreSQL server, version 15 or later, instead of the embedded one. Give it as a file
    (WINCE_PG_DSN_FILE) where it holds a password. TLS is part of it (sslmode, sslrootcert), and needed for a server on another machine."""
    insecure_pg_beyond_loopback: bool = False
    """Use a PostgreSQL on another machine without TLS. Everybody on the network can then read patients' data and the login."""
    schema_at_start: Literal["migrate", "expect"] = "migrate"
    """What a service does where the database's schema is older than it needs. `migrate`: brings it up to date. `expect`: waits until
    `wince migrate` has done so (five minutes, or start_wait_s if that is longer) and changes nothing. Its login then needs rights on rows
    only."""
    audit_key_file: Path | None = Field(default=None, examples=["/etc/wince/audit.pem"])
    """Ed25519 private key (PEM) that signs checkpoints of the audit trail. Not set: made in state_dir/keys at the first start."""
    checkpoint_file: Path | None = Field(default=None, examples=["/var/lib/wince/audit-checkpoints.jsonl"])
    """File to which signed checkpoints are appended. Not set: state_dir/audit-checkpoints.jsonl. Keep a copy on another host."""
