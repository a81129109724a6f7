"""Which connection strings let patients' data go over a network in the clear."""

from __future__ import annotations

import pytest

from wince.store.conninfo import in_the_clear

CLOSED = [
    "", "dbname=wince", "host=/run/postgresql dbname=wince", "host=@abstract", "postgresql://u:p@127.0.0.1:5432/wince",
    "postgresql://u@[::1]/wince", "host=localhost", "postgresql://u@db.example/wince?sslmode=require",
    "postgresql://u@db.example/wince?sslmode=verify-full&sslrootcert=/ca.pem", "host=db.example gssencmode=require",
    "host=db.example hostaddr=127.0.0.1", "what is this",
]  # fmt: skip
OPEN = {
    "postgresql://u:p@db.example/wince": "db.example",
    "host=10.1.2.3 sslmode=prefer": "10.1.2.3",
    "host=db.example sslmode=allow": "db.example",
    "host=db.example sslmode=disable": "db.example",
    "hostaddr=10.1.2.3": "10.1.2.3",
    "host=localhost hostaddr=10.1.2.3": "10.1.2.3",
    "postgresql://u@127.0.0.1,db2.example/wince": "db2.example",
    "host=localhost,db.example port=5432,6432": "db.example",
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGGSSENCMODE", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("dsn", CLOSED)
def test_a_server_of_this_machine_or_with_tls(dsn: str) -> None:
    assert in_the_clear(dsn) == ""


@pytest.mark.parametrize("dsn", OPEN)
def test_a_server_elsewhere_without_tls_is_named(dsn: str) -> None:
    assert in_the_clear(dsn) == OPEN[dsn]


def test_the_environment_of_libpq_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    assert in_the_clear("dbname=wince") == "db.example"
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert in_the_clear("dbname=wince") == ""
