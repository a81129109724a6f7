"""What every command builds from settings: database, keys. One place, so that all agree."""

from __future__ import annotations

from pathlib import Path

from wince.errors import ConfigError
from wince.local.postgres.account import server_account
from wince.local.postgres.cluster import MAJOR, home_of
from wince.local.postgres.installed import describe
from wince.local.postgres.opened import Opened, open_database
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store.database import Database


def database(settings: Settings, places: Places) -> Opened:
    """The configured or embedded database, migrated; a context manager."""
    if settings.pg_dsn is not None:
        return open_database(settings.pg_dsn.get_secret_value(), places.postgres)
    places.make()
    return open_database(None, places.postgres)


def dsn(settings: Settings) -> str:
    """The connection string that services need. Raises ConfigError where none is set: nobody of them starts a database."""
    if settings.pg_dsn is None:
        remedy = "name a PostgreSQL server, or start everything with `wince up`"
        raise ConfigError("no database is set", field="WINCE_PG_DSN", remedy=remedy)
    return settings.pg_dsn.get_secret_value()


def database_check(settings: Settings) -> str:
    """One line about the database for `wince doctor`; raises what is wrong with it."""
    if settings.pg_dsn is not None:
        with Database(settings.pg_dsn.get_secret_value(), wait_s=3) as opened, opened.transaction() as tx:
            row = tx.execute("SHOW server_version").fetchone()
        return f"PostgreSQL {row[0] if row else '?'} by WINCE_PG_DSN"
    programs = describe(server_account())
    home = home_of(Places.of(settings).postgres)
    return f"embedded PostgreSQL {MAJOR}, data in {home / 'data' if home else 'none yet'}, programs in {programs}"


def read_key(path: Path) -> bytes:
    """A private key's PEM. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=str(path), remedy="name a readable PEM file") from None
