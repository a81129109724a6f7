"""A no that may pass is tried again for a quarter of an hour before it is a dead letter; a stop doesn't wait for a slow target."""

from __future__ import annotations

import threading
import time

import pytest

from tests.integration.record_world import FakeTarget
from tests.integration.test_record_delivery import charted, delivering, states
from wince.delivery import books
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.store.database import Database
from wince.telemetry import metrics

PASSING = Answer(Outcome.DEAD, "404", may_pass=True)


def wait(state: dict[str, int], database: Database) -> None:
    deadline = time.monotonic() + 60
    while dict(states(database)) != state and time.monotonic() < deadline:
        time.sleep(0.02)
    assert dict(states(database)) == state


def test_an_endpoint_that_comes_back_gets_everything_in_order(database: Database) -> None:
    target = FakeTarget(lambda number, _: PASSING if number < 2 else None)
    made = charted(database, target)
    with delivering(database, target) as running:
        assert running.drain(60)
    assert [call[0] for call in target.calls][2:] == [str(entry.id) for entry in made]
    assert states(database) == {"written": 4}
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM outbox WHERE doubted_since IS NOT NULL").fetchone() == (0,)


def test_one_that_stays_away_leaves_a_dead_letter_that_can_be_replayed(database: Database) -> None:
    away = threading.Event()
    away.set()
    target = FakeTarget(lambda _number, entry: PASSING if away.is_set() and entry == first else None)
    first = ""
    made = charted(database, target)
    first = str(made[0].id)
    with delivering(database, target) as running:
        deadline, doubted = time.monotonic() + 60, 0
        while not doubted and time.monotonic() < deadline:
            time.sleep(0.02)
            with database.transaction() as tx:
                past = "UPDATE outbox SET doubted_since = now() - interval '16 minutes', next_at = now()"
                doubted = tx.execute(f"{past} WHERE doubted_since IS NOT NULL".encode()).rowcount
        wait({"dead": 1, "written": 3}, database)
        away.clear()
        with database.transaction() as tx:
            books.replay(tx, made[0].id, 1, "", 0)
        running.wake()
        wait({"written": 4}, database)


def test_the_servers_own_no_is_dead_at_once(database: Database) -> None:
    target = FakeTarget(lambda number, _: Answer(Outcome.DEAD, "422") if number == 0 else None)
    charted(database, target)
    with delivering(database, target):
        wait({"dead": 1, "written": 3}, database)


ODD = Answer(Outcome.RETRY, "the answer to a search is spoiled", may_pass=True)


def _began(database: Database, ago: str) -> None:
    """Waits for the doubt, and moves its beginning into the past."""
    deadline, moved = time.monotonic() + 60, 0
    while not moved and time.monotonic() < deadline:
        time.sleep(0.02)
        with database.transaction() as tx:
            past = f"UPDATE outbox SET doubted_since = now() - interval '{ago}', next_at = now() WHERE doubted_since IS NOT NULL"
            moved = tx.execute(past.encode()).rowcount
    assert moved


def test_an_entry_that_the_target_never_digests_keeps_nothing_back_for_ever(database: Database) -> None:
    first = ""
    target = FakeTarget(lambda _number, entry: ODD if entry == first else None)
    first = str(charted(database, target)[0].id)
    with database.transaction() as tx:
        tx.execute("INSERT INTO target_took(target, at) VALUES (%s, now())", (target.name,))  # it takes what others wrote
    before = odd_answers(target.name)
    with delivering(database, target):
        _began(database, "61 minutes")
        wait({"dead": 1, "written": 3}, database)
    assert odd_answers(target.name) > before


@pytest.mark.parametrize(("ago", "state"), [("61 minutes", {"ready": 4}), ("73 hours", {"dead": 4})])
def test_a_target_that_digests_nothing_at_all_gets_a_weekend(database: Database, ago: str, state: dict[str, int]) -> None:
    target = FakeTarget(lambda _number, _entry: ODD)
    charted(database, target)
    with delivering(database, target) as running:
        for _ in range(4):
            _began(database, ago)
            asked = len(target.calls)
            running.wake()
            deadline = time.monotonic() + 60
            while len(target.calls) <= asked + 1 and time.monotonic() < deadline and states(database) != state:
                time.sleep(0.02)
    assert states(database) == state


def test_an_outage_is_never_a_dead_letter(database: Database) -> None:
    away = Answer(Outcome.RETRY, "503")
    target = FakeTarget(lambda _number, _entry: away)
    charted(database, target)
    with delivering(database, target):
        deadline = time.monotonic() + 60
        while len(target.calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
            with database.transaction() as tx:
                tx.execute("UPDATE outbox SET next_at = now() WHERE state = 'ready'")
    with database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM outbox WHERE doubted_since IS NOT NULL").fetchone() == (0,)
    assert states(database) == {"ready": 4}


def odd_answers(target: str) -> float:
    return metrics.TARGET_ODD.labels(target)._value.get()


class Hanging(FakeTarget):
    """Blocks in its first delivery until it is broken off."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.broken_off = threading.Event(), threading.Event()

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        self.begun.set()
        assert self.broken_off.wait(60)
        return Answer(Outcome.RETRY, "broken off")

    def interrupt(self) -> None:
        self.broken_off.set()


def test_a_stop_breaks_off_what_hangs(database: Database) -> None:
    target = Hanging()
    charted(database, target, grades=1)
    running = Delivery(database, [target], poll_s=0.02)
    running.start()
    assert target.begun.wait(60)
    running.stop()
    assert target.broken_off.is_set()
    assert states(database) == {"ready": 1}
