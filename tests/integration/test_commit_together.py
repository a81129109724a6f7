"""Movements of one connection that are committed together make the same stays, and the same trail, as each by itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.conftest import database_dsn
from wince.errors import IntegrityError, StoreError
from wince.hl7.errors import Hl7Error
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.site import Site
from wince.store import audit
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing.hl7 import Person, adt, code

SECOND = 1_000_000
BEDS = ["ICU^1^A", "ICU^2^A", "ICU^3^A"]


def story(seed: int, count: int = 60) -> list[bytes]:
    """Admissions, transfers, discharges, cancellations, doubled and wrong messages of few visits in few beds, some of them merged."""
    chance, texts = random.Random(seed), []
    for n in range(count):
        visit = chance.randrange(5)
        person = Person(f"P{visit if chance.random() < 0.95 else chance.randrange(5)}")
        trigger = chance.choice(["A01", "A01", "A02", "A02", "A03", "A08", "A12", "A13", "A11", "A31", "A21", "A22"])
        at = chance.randrange(1000) * SECOND
        fields = {"PID-3": ""} if chance.random() < 0.05 else {}
        text = adt(trigger, person, chance.choice(BEDS), f"V{visit}", at, control_id=f"C{n}", fields=fields)
        if chance.random() < 0.04:
            text = adt("A40", person, "", f"V{visit}", at, control_id=f"C{n}") + f"MRG|P{chance.randrange(5)}^^^HOSP^MR\r"
        texts.append(text.encode())
        if chance.random() < 0.1:
            texts.append(texts[-1])
    return texts


def outcome(database: Database, together: int, texts: list[bytes]) -> tuple[list[str], list[object], list[str]]:
    clock = iter(range(10**15, 10**16))
    listener = AdtListener(PostgresCensus(database), Site(), now_us=lambda: next(clock))
    codes = []
    for first in range(0, len(texts), together):
        codes += [code(answer.decode()) for answer in listener.handle_all(texts[first : first + together])]
    census = PostgresCensus(database)
    rows = [(r.id, r.bed, r.patient, r.start_us, r.end_us) for bed in BEDS for r in census.stays(bed, -(10**18), None)]
    return codes, sorted(rows, key=str), sorted(row.event for row in audit.rows(database))  # what becomes doubtful is said first


@pytest.fixture
def other_database(postgres_dsn: str) -> Iterator[Database]:
    """Another fresh one."""
    for dsn in database_dsn.__wrapped__(postgres_dsn):
        with Database(dsn) as opened:
            yield opened


@pytest.mark.parametrize("seed", range(4))
def test_they_make_the_same_stays_and_trail(database: Database, other_database: Database, seed: int) -> None:
    texts = story(seed)
    together = outcome(database, 16, texts)
    assert outcome(other_database, 1, texts) == together
    assert together[0].count("AA") > 30


def test_a_refusal_among_them_costs_itself_alone(database: Database) -> None:
    listener = AdtListener(PostgresCensus(database), Site())
    texts = [adt("A01", Person(f"P{n}"), f"ICU^{n}^A", "V0" if n == 2 else f"V{n}", n * SECOND).encode() for n in range(4)]
    assert [code(one.decode()) for one in listener.handle_all(texts)] == ["AA", "AA", "AE", "AA"]
    other = [adt("A02", Person("P9"), "ICU^7^A", "V1", 9 * SECOND).encode(), adt("A02", Person("P3"), "ICU^8^A", "V3", 9 * SECOND).encode()]
    assert [code(one.decode()) for one in listener.handle_all(other)] == ["AE", "AA"]


def test_a_batch_of_other_visits_takes_as_many_statements_as_two(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = AdtListener(PostgresCensus(database), Site())
    statements: list[object] = []
    for name in ("execute", "executemany", "copy"):
        called = getattr(psycopg.Cursor, name)

        def counted(*arguments: object, called: Callable[..., object] = called, **more: object) -> object:
            statements.append(arguments[1])
            return called(*arguments, **more)

        monkeypatch.setattr(psycopg.Cursor, name, counted)
    found = []
    for first, count in ((0, 2), (2, 30)):
        texts = [adt("A01", Person(f"P{n}"), f"ICU^{n}^A", f"V{n}", n * SECOND).encode() for n in range(first, first + count)]
        statements.clear()
        assert [code(one.decode()) for one in listener.handle_all(texts)] == ["AA"] * count
        found.append(len(statements))
    assert found[0] == found[1] < 22


@pytest.mark.parametrize("failure", [StoreError("gone"), Hl7Error("no", condition="204"), IntegrityError("no")])
def test_what_fails_together_is_taken_one_by_one(failure: Exception) -> None:
    class Once(MemoryCensus):
        def commit_all(self, changes):  # type: ignore[no-untyped-def, override]
            raise failure

    census = Once()
    texts = [adt("A01", Person(f"P{n}"), f"ICU^{n}^A", f"V{n}", 0).encode() for n in range(3)]
    assert [code(one.decode()) for one in AdtListener(census, Site()).handle_all(texts)] == ["AA"] * 3
    assert len(census.current()) == 3
