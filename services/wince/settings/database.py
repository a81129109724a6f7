"""The database, and the audit trail that lies in it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, SecretStr


class Database(BaseModel):
    """PostgreSQL and the audit trail."""

    pg_dsn: SecretStr | None = None
    """A PostgreSQL server instead of the embedded one."""
    audit_key_file: Path | None = None
    """Ed25519 private key (PEM) that signs audit checkpoints; default: made in state_dir/keys at the first start."""
    checkpoint_file: Path | None = None
    """Where signed checkpoints are appended; default: state_dir/audit-checkpoints.jsonl. Keep a copy on another host."""
