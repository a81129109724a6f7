"""What every command builds from settings: database, keys. One place, so that all agree."""

from __future__ import annotations

from pathlib import Path

from wince.errors import ConfigError
from wince.local.postgres.account import server_account
from wince.local.postgres.cluster import MAJOR, home_of
from wince.local.postgres.installed import describe
from wince.local.postgres.opened import OpenDatabase, open_database
from wince.serve.state_dir import Places
from wince.settings import Settings


def database(settings: Settings, places: Places) -> OpenDatabase:
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


def embedded(settings: Settings) -> str:
    """One line about the embedded server: where its data and its programs are. Raises ResourceError where it is not installed."""
    programs = describe(server_account())
    home = home_of(Places.of(settings).postgres)
    data = f"data in {home / 'data'}" if home else "no data yet"
    return f"embedded PostgreSQL {MAJOR}, {data}, programs in {programs}"


def read_key(path: Path) -> bytes:
    """A private key's PEM. Raises ConfigError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=str(path), remedy="name a readable PEM file") from None
