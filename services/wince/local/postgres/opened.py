"""Opens the database that an installation uses: the embedded server, or the one that `WINCE_PG_DSN` names; migrated, ready."""

from __future__ import annotations

from pathlib import Path

import psycopg

from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database, mapped
from wince.store.migrate import migrate

NAME = "wince"
"""The database on the embedded server."""


class OpenDatabase:
    """A migrated database and the server that was started for it. A context manager."""

    def __init__(self, database: Database, server: EmbeddedPostgres | None) -> None:
        self.database = database
        self.server = server
        """None where somebody else runs it."""

    def __enter__(self) -> OpenDatabase:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def place(self) -> str:
        """Where the data lies, for a person."""
        return str(self.server.data) if self.server else "the server that WINCE_PG_DSN names"

    def ensure(self) -> bool:
        """Starts the embedded server again where its postmaster is gone; False where there was nothing to do."""
        return self.server.ensure() if self.server else False

    def close(self) -> None:
        """Closes the pool, stops the embedded server. Idempotent."""
        self.database.close()
        if self.server:
            self.server.stop()


def open_database(dsn: str | None, directory: Path, *, size: int = 8) -> OpenDatabase:
    """`dsn`: a server of the installation's own; None or empty: the embedded one, in `directory`. `size`: connections in the pool.

    Raises ResourceError, StoreError, Unavailable; what was started is stopped then.
    """
    server = None if dsn else EmbeddedPostgres(directory)
    try:
        if server:
            server.start()
            _create(server)
        database = Database(dsn or (server.dsn(NAME) if server else ""), size=size)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
    except BaseException:
        if server:
            server.stop()
        raise
    return OpenDatabase(database, server)


def _create(server: EmbeddedPostgres) -> None:
    with mapped(), psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,)).fetchone():
            connection.execute(f"CREATE DATABASE {NAME}".encode())
