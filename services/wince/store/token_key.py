"""The installation's key of page and resume tokens: the same for every replica and after every restart."""

from __future__ import annotations

from wince.errors import StoreError
from wince.store.database import Database


def read(database: Database) -> bytes:
    """32 bytes. Raises StoreError, Unavailable."""
    with database.transaction() as tx:
        row = tx.execute("SELECT key FROM token_key").fetchone()
    if row is None:
        raise StoreError("the key of tokens is gone", field="token_key", remedy="restore the table from a backup")
    return bytes(row[0])
