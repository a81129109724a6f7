"""The database, and the audit trail that lies in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

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
    audit_earlier_keys: tuple[str, ...] = Field(
        default=(), max_length=100, examples=[["21aea6db3957fe28885347bce20a6879d1db3f5be318422d20ef430a598feb22"]]
    )
    """Public halves (64 hexadecimal digits) of the audit keys that the site had before, the oldest first. What `wince audit restored` said
    under one of them stays valid, if it was said before the present key's first checkpoint."""
    checkpoint_file: Path | None = Field(default=None, examples=["/var/lib/wince/audit-checkpoints.jsonl"])
    """File to which signed checkpoints are appended. Not set: state_dir/audit-checkpoints.jsonl. Keep a copy on another host."""

    @field_validator("audit_earlier_keys")
    @classmethod
    def _public_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch("[0-9a-fA-F]{64}", one) for one in value):
            raise ValueError("needs public keys of 64 hexadecimal digits: the raw bytes of each Ed25519 key")
        return tuple(one.lower() for one in value)
