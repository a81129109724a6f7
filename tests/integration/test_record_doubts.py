"""A no that may pass is tried again for a quarter of an hour before it is a dead letter; a stop doesn't wait for a slow target."""

from __future__ import annotations

import threading
import time

from tests.integration.record_world import FakeTarget
from tests.integration.test_record_delivery import charted, delivering, states
from wince.delivery import books
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.store.database import Database

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
