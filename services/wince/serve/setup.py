"""What every command builds from settings: database, keys. One place, so that all agree."""

from __future__ import annotations

from pathlib import Path

from wince import plain_file
from wince.errors import ConfigError
from wince.local.postgres.account import server_account
from wince.local.postgres.cluster import MAJOR, home_of
from wince.local.postgres.installed import describe
from wince.local.postgres.opened import OpenDatabase, open_database
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.store.conninfo import in_the_clear


def database(settings: Settings, places: Places) -> OpenDatabase:
    """The configured or embedded database, migrated; a context manager."""
    if (server := server_dsn(settings)) is not None:
        return open_database(server, places.postgres)
    places.make()
    return open_database(None, places.postgres)


def server_dsn(settings: Settings) -> str | None:
    """The connection string of the server that is set; None: none is.

    Raises ConfigError where patients' data would go to another machine without encryption.
    """
    if settings.pg_dsn is None:
        return None
    found = settings.pg_dsn.get_secret_value()
    if not settings.insecure_pg_beyond_loopback and (host := in_the_clear(found)):
        remedy = "add sslmode=verify-full (and sslrootcert) to it, or set insecure_pg_beyond_loopback"
        raise ConfigError(f"patients' data may go to {host} without TLS", field="WINCE_PG_DSN", remedy=remedy)
    return found


def dsn(settings: Settings) -> str:
    """The connection string that services need. Raises ConfigError where none is set, for a service starts no database, and as
    `server_dsn`."""
    found = server_dsn(settings)
    if found is None:
        remedy = "name a PostgreSQL server, or start everything with `wince up`"
        raise ConfigError("no database is set", field="WINCE_PG_DSN", remedy=remedy)
    return found


def embedded(settings: Settings) -> str:
    """One line about the embedded server: where its data and its programs are. Raises ResourceError where it is not installed."""
    programs = describe(server_account())
    home = home_of(Places.of(settings).postgres)
    data = f"data in {home / 'data'}" if home else "no data yet"
    return f"embedded PostgreSQL {MAJOR}, {data}, programs in {programs}"


def read_key(path: Path) -> bytes:
    """A private key's PEM. Raises ConfigError."""
    try:
        return plain_file.read(path)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=str(path), remedy="name a readable PEM file") from None
