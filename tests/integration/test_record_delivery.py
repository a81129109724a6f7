"""Delivery from a real outbox to a target that fails in every way: nothing lost, doubled or out of order."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.record_world import T0, US, FakeTarget, admit, change, stay, window
from wince.delivery import books
from wince.delivery.interface import Answer, Outcome
from wince.delivery.outbox import lease, settle
from wince.delivery.worker import Delivery
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.entry import Entry, Kind
from wince.errors import InputError
from wince.local.postgres.opened import open_database
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database

PROTOCOLS = {"activity": load("activity")}
NO_WAIT = random.Random()
NO_WAIT.uniform = lambda low, high: low  # type: ignore[method-assign]


def charted(database: Database, target: FakeTarget, grades: int = 4) -> list[Entry]:
    """So many grades of one encounter, ten minutes apart, and what else is charted with them: after each hour its summary."""
    admit(database, stay())
    sink = PostgresSink(database, PROTOCOLS, [target])
    made: list[Entry] = []
    for number in range(grades):
        made += sink.commit([window(120 * number, 1 + number % 2)]).entries
    assert sum(entry.kind is Kind.GRADE for entry in made) == grades
    return made


@contextmanager
def delivering(database: Database, target: FakeTarget, *, lease_s: float = 30.0, alone: bool = False) -> Iterator[Delivery]:
    running = Delivery(database, [target], poll_s=0.02, jitter=NO_WAIT, lease_s=lease_s, alone=alone)
    running.start()
    try:
        yield running
    finally:
        running.stop()


class Together(FakeTarget):
    """Counts who is there at the same time; the first waits (some time) for a second."""

    def __init__(self) -> None:
        super().__init__()
        self.most = self._here = 0
        self._change = threading.Condition()

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        with self._change:
            self._here += 1
            self.most = max(self.most, self._here)
            self._change.notify_all()
            self._change.wait_for(lambda: self.most > 1, 10)
        try:
            return super().deliver(body, location, version)
        finally:
            with self._change:
                self._here -= 1


def states(database: Database) -> Counter[str]:
    with database.transaction() as tx:
        return Counter(state for (state,) in tx.execute("SELECT state FROM outbox").fetchall())


def events(database: Database) -> Counter[str]:
    return Counter(row.event for row in audit.rows(database) if row.event not in ("adt", "assessment", "charted"))


def test_an_encounters_entries_arrive_in_order_each_with_its_intent(database: Database) -> None:
    target = FakeTarget()
    made = charted(database, target)
    with delivering(database, target) as running:
        assert running.drain(10)
    assert [call[0] for call in target.calls] == [str(entry.id) for entry in made]
    assert events(database) == {"intent": 4, "written": 4}
    order = [(row.entry, row.event) for row in audit.rows(database) if row.event in ("intent", "written")]
    assert all(order.index((entry.id, "intent")) < order.index((entry.id, "written")) for entry in made)
    assert verify(audit.rows(database, payloads=True)).count == sum(events(database).values()) + 9


@pytest.mark.parametrize("detail", ["503", "timeout after the commit"])
def test_a_failed_request_is_repeated_before_anything_behind_it(database: Database, detail: str) -> None:
    """Also where the target had committed: the same body again leaves one resource."""
    target = FakeTarget(lambda number, _: Answer(Outcome.RETRY, detail) if number in (1, 2) else None)
    made = charted(database, target)
    with delivering(database, target) as running:
        assert running.drain(10)
    ids = [str(entry.id) for entry in made]
    assert [call[0] for call in target.calls] == [ids[0], ids[1], ids[1], ids[1], ids[2], ids[3]]
    assert len(target.held) == 4
    assert states(database) == {"written": 4}
    assert events(database)["retry"] == 2


def test_retry_after_is_honoured(database: Database) -> None:
    target = FakeTarget(lambda number, _: Answer(Outcome.RETRY, "429", retry_after_s=1.0) if number == 0 else None)
    charted(database, target, 1)
    began = time.monotonic()
    with delivering(database, target) as running:
        assert running.drain(10)
    assert time.monotonic() - began >= 1.0
    assert len(target.calls) == 2


def test_a_dead_letter_lets_the_others_through_and_can_be_replayed(database: Database) -> None:
    right: list[bool] = []
    target = FakeTarget(lambda number, _: Answer(Outcome.DEAD, "422 invalid Observation.code") if number == 1 and not right else None)
    made = charted(database, target)
    with delivering(database, target) as running:
        assert running.drain(10)
        with database.transaction() as tx:
            (letter,) = books.dead(tx)
        assert (letter.entry, letter.revision, letter.detail) == (made[1].id, 1, "422 invalid Observation.code")
        with pytest.raises(InputError), database.transaction() as tx:
            books.replay(tx, made[0].id, 1, "fake", T0)
        right.append(True)
        with database.transaction() as tx:
            books.replay(tx, letter.entry, letter.revision, letter.target, T0)
        assert running.drain(10)
    assert states(database) == {"written": 4}
    assert events(database)["dead"] == events(database)["replay"] == 1


def test_a_revision_never_goes_before_the_one_below_it(database: Database) -> None:
    """Revision 2 gets revision 1's place at the target; behind a dead letter it waits for the replay."""
    target = FakeTarget(lambda number, _: Answer(Outcome.DEAD, "422") if number == 0 else None)
    (made,) = charted(database, target, 1)
    change(database, Revision(supersede=(stay(),), recorded_us=T0))
    PostgresSink(database, PROTOCOLS, [target]).review()
    with delivering(database, target) as running:
        assert running.drain(10)
        assert [call[1] for call in target.calls] == [1]
        with database.transaction() as tx:
            books.replay(tx, made.id, 1, "", T0)
        assert running.drain(10)
    assert target.calls[-1] == (str(made.id), 2, f"Observation/{made.id}", "1")
    assert target.held == {str(made.id): (2, "entered-in-error")}


def test_a_lease_whose_holder_died_is_tried_again(database: Database) -> None:
    target = FakeTarget()
    charted(database, target)
    with database.transaction() as tx:
        (run,) = lease(tx, "fake", T0, encounters=4, per_encounter=2, seconds=3600)
    assert len(run) == 2
    with database.transaction() as tx:
        assert lease(tx, "fake", T0, encounters=4, per_encounter=2, seconds=3600) == []
        tx.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")
    with delivering(database, target) as running:
        assert running.drain(10)
    assert states(database) == {"written": 4}
    assert [call[1] for call in target.calls] == [1, 1, 1, 1]
    assert events(database)["intent"] == 6


def test_alone_takes_over_what_a_killed_owner_had_leased(database: Database) -> None:
    """Nobody else delivers: a long lease of the process that was killed holds nothing up."""
    target = FakeTarget()
    charted(database, target)
    with database.transaction() as tx:
        lease(tx, "fake", T0, encounters=4, per_encounter=2, seconds=3600)
    with delivering(database, target, alone=True) as running:
        assert running.drain(10)
    assert states(database) == {"written": 4}


def test_the_answer_of_a_lease_that_ran_out_changes_nothing(database: Database) -> None:
    charted(database, FakeTarget(), 1)
    with database.transaction() as tx:
        ((old,),) = lease(tx, "fake", T0, encounters=1, per_encounter=1, seconds=-1)
        ((new,),) = lease(tx, "fake", T0, encounters=1, per_encounter=1, seconds=60)
    from wince.delivery.outbox import Tried

    with database.transaction() as tx:
        settle(tx, "fake", [Tried(old, Answer(Outcome.DEAD, "late"))], T0, NO_WAIT)
        settle(tx, "fake", [Tried(new, Answer(Outcome.WRITTEN, "201"))], T0, NO_WAIT)
    assert states(database) == {"written": 1}


def test_encounters_are_delivered_beside_each_other(database: Database) -> None:
    """A slow encounter does not stop another; within each the order holds."""
    target: FakeTarget = (together := Together())
    admit(database, *(stay(f"V{n}", start_us=T0 + n * 3600 * US, end_us=T0 + (n + 1) * 3600 * US) for n in range(4)))
    sink = PostgresSink(database, PROTOCOLS, [target])
    for number in range(4):
        for step in range(3):
            sink.commit([window(number * 720 + step * 120, 1 + step % 2)])
    with delivering(database, target) as running:
        assert running.drain(60)
    assert together.most > 1
    assert len(target.calls) == 12
    with database.transaction() as tx:
        order = dict(tx.execute("SELECT entry::text, (encounter, effective) FROM outbox").fetchall())
    seen: dict[str, list[str]] = {}
    for call in target.calls:
        encounter, effective = order[call[0]]
        seen.setdefault(encounter, []).append(effective)
    assert all(int(a) < int(b) for times in seen.values() for a, b in pairwise(times))


def test_a_target_that_breaks_its_promise_is_an_unknown_outcome(database: Database) -> None:
    target = FakeTarget()
    charted(database, target, 1)
    broken = [True]

    def script(_number: int, _entry: str) -> Answer | None:
        if broken.pop() if broken else False:
            raise RuntimeError("Mr Seeded Name")
        return None

    target.script = script
    with delivering(database, target) as running:
        assert running.drain(10)
    assert states(database) == {"written": 1}
    assert "Seeded" not in "".join(row.payload or "" for row in audit.rows(database, payloads=True))


def test_stopping_gives_back_what_was_not_tried(database: Database) -> None:
    target = FakeTarget()
    charted(database, target)
    target.delay_s = 0.2
    with delivering(database, target):
        time.sleep(0.1)
    assert states(database)["leased"] == 0
    assert states(database)["ready"] + states(database)["written"] == 4


def test_a_question_without_a_patient_never_leaves_the_worklist(database: Database) -> None:
    target = FakeTarget()
    admit(database)
    done = PostgresSink(database, PROTOCOLS, [target]).commit([window(0)])
    assert len(done.tasks) == 1
    with delivering(database, target) as running:
        assert running.drain(5)
    assert target.calls == []


def test_a_stay_that_moves_leaves_one_current_entry_at_the_target(database: Database) -> None:
    """Withdrawn at the wrong encounter, written at the right one, each once."""
    target = FakeTarget()
    (made,) = charted(database, target, 1)
    with delivering(database, target) as running:
        assert running.drain(10)
        right = replace(stay("V2"), recorded_us=T0 + US)
        change(database, Revision(supersede=(stay(),), recorded_us=T0 + US), "V1")
        change(database, Revision(add=(right,), recorded_us=T0 + US), "V2")
        PostgresSink(database, PROTOCOLS, [target]).review()
        running.wake()
        assert running.drain(10)
    assert sorted(status for _, status in target.held.values()) == ["entered-in-error", "preliminary"]
    assert target.held[str(made.id)] == (2, "entered-in-error")


def test_two_deliverers_share_the_work_and_keep_the_order(database: Database) -> None:
    """Two processes on one outbox: no row goes twice, none overtakes, nobody waits for the other for ever."""
    target = FakeTarget()
    target.delay_s = 0.005
    admit(database, *(stay(f"V{n}", start_us=T0 + n * 3600 * US, end_us=T0 + (n + 1) * 3600 * US) for n in range(6)))
    sink = PostgresSink(database, PROTOCOLS, [target])
    for number in range(6):
        for step in range(4):
            sink.commit([window(number * 720 + step * 120, 1 + step % 2)])
    first, second = (Delivery(database, [target], poll_s=0.01, per_encounter=2, clients=2) for _ in range(2))
    first.start()
    second.start()
    assert first.drain(20)
    first.stop()
    second.stop()
    assert len(target.calls) == len({call[0] for call in target.calls}) == 24
    assert events(database) == {"intent": 24, "written": 24}
    with database.transaction() as tx:
        order = {
            entry: (encounter, at) for entry, encounter, at in tx.execute("SELECT entry::text, encounter, effective FROM outbox").fetchall()
        }
    last: dict[str, int] = {}
    for call in target.calls:
        encounter, at = order[call[0]]
        assert last.get(encounter, 0) < at
        last[encounter] = at


def test_a_database_that_goes_away_for_a_while_stops_nothing_for_good(state_dir: Path) -> None:
    """kill -9 of PostgreSQL while entries go out: after its restart the rest follows; nothing is lost, nothing overtakes."""
    with open_database(None, state_dir / "pg") as opened:
        target = FakeTarget()
        target.delay_s = 0.1
        made = charted(opened.database, target, 6)
        with delivering(opened.database, target, lease_s=2.0) as running:
            time.sleep(0.25)
            assert opened.server is not None
            postmaster = opened.server.postmaster()
            assert postmaster is not None
            os.kill(postmaster, signal.SIGKILL)
            time.sleep(0.2)
            assert opened.ensure()
            assert running.drain(60)
        assert states(opened.database) == {"written": 6}
        seen = list(dict.fromkeys(call[0] for call in target.calls))
        assert seen == [str(entry.id) for entry in made]
        assert verify(audit.rows(opened.database)).count > 0


def test_a_target_that_fails_now_and_then_does_not_make_the_trail_grow_without_bound(database: Database) -> None:
    """A run that is cut short is followed by a short one: what was leased in vain stays below what was tried."""
    target = FakeTarget(lambda number, _: Answer(Outcome.RETRY, "503") if number % 3 == 2 else None)
    made = charted(database, target, 14)
    with delivering(database, target) as running:
        assert running.drain(60)
    assert target.held.keys() == {str(entry.id) for entry in made}
    assert states(database) == {"written": len(made)}
    said = events(database)
    assert (said["written"], said["retry"]) == (len(made), len(target.calls) - len(made))
    # All of them once, when the first run met a failure; later ones are as long as what went well before them.
    assert said["returned"] < len(made) + said["written"]
