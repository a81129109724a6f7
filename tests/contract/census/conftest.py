import pytest

from wince.hospital.memory import MemoryCensus
from wince.store.database import Database
from wince.store.stays import PostgresCensus


@pytest.fixture
def postgres(database_dsn):
    with Database(database_dsn, size=4) as database:
        yield PostgresCensus(database)


@pytest.fixture(params=["memory", "postgres"])
def census(request):
    return MemoryCensus() if request.param == "memory" else request.getfixturevalue("postgres")
