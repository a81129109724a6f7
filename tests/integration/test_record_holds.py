"""A target that refused us as a whole: nothing is sent, it is asked now and then, and the hold ends when its cause is gone."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.record_world import T0, FakeTarget, admit, stay, window
from tests.integration.test_record_delivery import NO_WAIT, PROTOCOLS, charted, delivering, events, states
from wince.delivery import books, holds
from wince.delivery.books import Hold
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.audit import verify
from wince.pipeline.record.sink import PostgresSink
from wince.store import audit
from wince.store.database import Database
from wince.telemetry import metrics

FORBIDDEN = Answer(Outcome.HELD, "403 forbidden", remedy="grant the scopes")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def hold_of(database: Database) -> Hold | None:
    with database.transaction() as tx:
        return next(iter(books.holds(tx)), None)


def let_probe(database: Database) -> None:
    """Its time has come."""
    with database.transaction() as tx:
        tx.execute("UPDATE target_hold SET next_probe = now()")


@contextmanager
def held(database: Database, target: FakeTarget, grades: int = 4) -> Iterator[Delivery]:
    """A delivery whose target refused the first row."""
    charted(database, target, grades)
    with delivering(database, target) as running:
        assert running.drain(60)
        assert hold_of(database) is not None
        yield running


def test_a_held_target_is_sent_nothing_until_a_person_acts(database: Database) -> None:
    allowed: list[bool] = []
    target = FakeTarget(lambda *_: None if allowed else FORBIDDEN)
    with held(database, target) as running:
        hold = hold_of(database)
        assert hold
        assert (hold.target, hold.detail, hold.remedy, hold.probes) == ("fake", "403 forbidden", "grant the scopes", 0)
        assert 14_000_000 < hold.next_probe_us - hold.since_us <= 31_000_000
        assert (len(target.calls), target.probed) == (1, [])
        allowed.append(True)
        with database.transaction() as tx:
            assert books.release(tx, "fake", "a person", T0)
        running.wake()
        assert running.drain(60)
    assert states(database) == {"written": 4}
    assert (events(database)["hold"], events(database)["release"]) == (1, 1)


def test_a_hold_lifts_itself_when_its_cause_is_gone(database: Database) -> None:
    """Nobody acts: the probe is answered, one row gets through, the rest follows."""
    allowed: list[bool] = []
    target = FakeTarget(lambda *_: None if allowed else FORBIDDEN)
    before = metrics.REGISTRY.get_sample_value("wince_target_holds_total", {"target": "fake"}) or 0
    with held(database, target) as running:
        allowed.append(True)
        let_probe(database)
        until(lambda: hold_of(database) is None)
        assert running.drain(60)
    assert states(database) == {"written": 4}
    assert len(target.probed) == 1
    assert metrics.REGISTRY.get_sample_value("wince_target_holds_total", {"target": "fake"}) == before + 1
    said = [(row.event, row.payload) for row in audit.rows(database, payloads=True) if row.event in ("hold", "release")]
    assert said[0] == ("hold", '{"detail":"403 forbidden","target":"fake"}')
    assert said[1] == ("release", '{"by":"probe","probes":1,"target":"fake"}')
    assert verify(audit.rows(database, payloads=True)).erased == 0


@pytest.mark.parametrize("answer", [Answer(Outcome.HELD, "401", remedy="register the key"), Answer(Outcome.RETRY, "503")])
def test_a_target_that_refuses_the_probe_stays_held_and_is_asked_less_and_less(database: Database, answer: Answer) -> None:
    target = FakeTarget(lambda *_: FORBIDDEN)
    target.open = answer
    with held(database, target):
        for number in (1, 2, 3):
            let_probe(database)
            until(lambda number=number: len(target.probed) == number)  # type: ignore[misc]
        until(lambda: (hold := hold_of(database)) is not None and hold.probes == 3)
        hold = hold_of(database)
        assert hold
        assert 119 < (hold.next_probe_us / 1e6 - time.time()) < 241, "30 s, doubled three times, half of it jitter"
        said = ("401", "register the key") if answer.outcome is Outcome.HELD else ("403 forbidden", "grant the scopes")
        until(lambda: (now := hold_of(database)) is not None and (now.detail, now.remedy) == said)
    assert len(target.calls) == 1, "no row is tried where the probe is refused"
    assert states(database) == {"ready": 4}


def test_a_probe_that_may_read_where_no_row_may_be_written_lifts_nothing(database: Database) -> None:
    """One row is tried at each probe; the hold is the same one, so no alarm comes and goes."""
    target = FakeTarget(lambda *_: FORBIDDEN)
    with held(database, target):
        for number in (2, 3):
            let_probe(database)
            until(lambda number=number: len(target.calls) == number)  # type: ignore[misc]
        until(lambda: events(database)["held"] == 3)
        hold = hold_of(database)
        assert hold
        assert hold.probes == 2
    assert (events(database)["hold"], events(database)["release"]) == (1, 0)
    assert {call[0] for call in target.calls} == {target.calls[0][0]}, "always the row that is next"


@pytest.mark.parametrize("outcome", [Outcome.DEAD, Outcome.RETRY])
def test_a_row_that_is_not_refused_as_a_whole_ends_the_hold(database: Database, outcome: Outcome) -> None:
    answers = [FORBIDDEN, Answer(outcome, "its own affair")]
    target = FakeTarget(lambda *_: answers.pop(0) if answers else None)
    with held(database, target) as running:
        let_probe(database)
        until(lambda: hold_of(database) is None)
        assert running.drain(60)
    assert states(database) == ({"written": 3, "dead": 1} if outcome is Outcome.DEAD else {"written": 4})


def test_a_hold_without_rows_ends_by_the_probe_alone(database: Database) -> None:
    target = FakeTarget(lambda *_: FORBIDDEN)
    with held(database, target, 1):
        with database.transaction() as tx:
            tx.execute("UPDATE outbox SET state = 'written'")
        let_probe(database)
        until(lambda: hold_of(database) is None)
    assert len(target.calls) == 1


def test_of_several_replicas_one_probes(database: Database) -> None:
    target = FakeTarget(lambda *_: FORBIDDEN)
    target.open = Answer(Outcome.HELD, "401")
    charted(database, target)
    replicas = [Delivery(database, [target], poll_s=0.01, jitter=NO_WAIT) for _ in range(3)]
    for replica in replicas:
        replica.start()
    try:
        until(lambda: hold_of(database) is not None)
        for number in (1, 2, 3):
            let_probe(database)
            until(lambda number=number: (hold := hold_of(database)) is not None and hold.probes == number)  # type: ignore[misc]
        until(lambda: len(target.probed) >= 3)
    finally:
        for replica in replicas:
            replica.stop()
    assert len(target.probed) == 3
    assert events(database)["hold"] == 1


def test_a_probe_whose_replica_died_is_made_by_the_next_turn(database: Database) -> None:
    """The claim moves the time on; who claimed it and died left the hold as it was."""
    target = FakeTarget(lambda *_: FORBIDDEN)
    charted(database, target)
    with database.transaction() as tx:
        holds.begin(tx, "fake", FORBIDDEN, NO_WAIT)
        assert holds.claim(tx, "fake", NO_WAIT) is None, "not yet due"
    let_probe(database)
    with database.transaction() as tx:
        assert holds.claim(tx, "fake", NO_WAIT) is not None
        assert holds.claim(tx, "fake", NO_WAIT) is None
    target.script = lambda *_: None
    with delivering(database, target) as running:
        let_probe(database)
        until(lambda: hold_of(database) is None)
        assert running.drain(60)
    assert states(database) == {"written": 4}


def test_a_late_probe_does_not_lift_another_hold(database: Database) -> None:
    """A person released it, it came again: what the old probe found out says nothing of the new cause."""
    with database.transaction() as tx:
        holds.begin(tx, "fake", FORBIDDEN, NO_WAIT)
    let_probe(database)
    with database.transaction() as tx:
        claimed = holds.claim(tx, "fake", NO_WAIT)
        assert books.release(tx, "fake", "a person", T0)
        holds.begin(tx, "fake", Answer(Outcome.HELD, "401"), NO_WAIT)
        assert claimed is not None
        assert holds.lift(tx, "fake", "probe", claimed) is None
        assert [hold.detail for hold in books.holds(tx)] == ["401"]


@pytest.mark.parametrize("wrong", [None, "written", Answer("written"), Answer(Outcome.WRITTEN, retry_after_s=float("nan")),
                                   Answer(Outcome.WRITTEN, location="\0"), Answer(Outcome.HELD, detail="\udc80")])  # fmt: skip
def test_what_is_no_answer_is_an_unknown_outcome(database: Database, wrong: object, capsys: pytest.CaptureFixture[str]) -> None:
    """The row is tried again, an error says so, and the thread lives."""

    class Wrong(FakeTarget):
        def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
            answer = super().deliver(body, location, version)
            return answer if len(self.calls) > 1 else wrong  # type: ignore[return-value]

    target = Wrong()
    charted(database, target, 1)
    with delivering(database, target) as running:
        assert running.drain(60)
        assert running.failed() is None
    assert states(database) == {"written": 1}
    assert events(database) == Counter(intent=2, retry=1, written=1)
    assert "answer can't be used" in capsys.readouterr().err


def test_a_probe_that_answers_nothing_leaves_the_hold(database: Database) -> None:
    target = FakeTarget(lambda *_: FORBIDDEN)
    target.open = None  # type: ignore[assignment]
    with held(database, target) as running:
        let_probe(database)
        until(lambda: len(target.probed) == 1)
        assert running.failed() is None
        assert hold_of(database) is not None


def test_a_thread_that_ends_for_good_is_a_failure(database: Database) -> None:
    """The process ends by it, in both modes: `failed` is what they ask."""

    class Deadly(FakeTarget):
        def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
            raise SystemExit("an ill-behaved library")

    target = Deadly()
    admit(database, stay())
    PostgresSink(database, PROTOCOLS, [target]).commit([window(0, 1)])
    running = Delivery(database, [target, FakeTarget(name="well")], poll_s=0.02)
    running.start()
    try:
        until(lambda: running.failed() is not None)
        assert isinstance(running.failed(), SystemExit)
    finally:
        running.stop()
