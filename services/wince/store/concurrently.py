"""CREATE INDEX CONCURRENTLY, which runs outside a transaction and blocks no writer (PostgreSQL 15, CREATE INDEX, "Building Indexes
Concurrently"). It waits for the transactions that are open on its table. Cut off on the way it leaves an invalid index, which counts
for nothing and must be dropped before the next try."""

from __future__ import annotations

import re

import psycopg

from wince.errors import StoreError
from wince.store.database import mapped

_STATEMENT = re.compile(r"\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+IF\s+NOT\s+EXISTS\s+(\w+)\s[^;]*;?\s*", re.IGNORECASE)


def index_of(sql: str) -> str:
    """The name of the index that a file makes. Raises StoreError where the file is anything but this one statement."""
    statement = re.sub(r"--[^\n]*", "", sql)
    found = _STATEMENT.fullmatch(statement)
    if found is None:
        raise StoreError("is not one CREATE INDEX CONCURRENTLY IF NOT EXISTS", field="migration", remedy="one statement a file")
    return found[1]


def build_index(dsn: str, sql: str, wait_s: float | None) -> bool:
    """Makes the index, on a connection of its own; where it stands already, nothing. False: it waited `wait_s` for another's transaction
    and gave up; building takes as long as it takes. None: no limit, as a pooler needs it, which keeps a SET for its next client.

    Raises StoreError, Unavailable.
    """
    name = index_of(sql)
    with mapped(), psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        if wait_s is not None:
            connection.execute(f"SET lock_timeout = '{max(1, round(wait_s * 1000))}ms'".encode())
        try:
            if _half_made(connection, name):
                connection.execute(f"DROP INDEX CONCURRENTLY {name}".encode())
            connection.execute(sql.encode())
            return not _half_made(connection, name)  # one of a migration that was killed, whose connection still makes it
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            return False


def _half_made(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute("SELECT FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", (name,))
    return found.fetchone() is not None
