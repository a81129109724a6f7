"""A frame from the future closed a bed: a person undoes it, and the bed is graded again, in the same processes and the same record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.record_world import BED, CAMERA, FakeTarget, admit, alert, stay, window
from tests.unit.pipeline.grade.feed import Look, feed, setup
from wince import codec
from wince.bus.memory import MemoryBus
from wince.bus.topics import ESTIMATES, dead_letters
from wince.domain.ahead import Bound
from wince.domain.audit import Verified
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.domain.snapshot import Snapshot
from wince.errors import IntegrityError, MessageError
from wince.pipeline.grade import stage
from wince.pipeline.record.reading import RecordReader
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.undoing import Undoer
from wince.protocols.loader import load
from wince.runners.ahead import Ahead
from wince.runners.grade import Grading
from wince.runners.record import Recording, Writer
from wince.serve.begin import SourceStart
from wince.store import checkpoints, undoing, verification
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.store.plain import dump
from wince.store.undoing import Undoing

T0_S = 1_790_000_000
HOUR_S, DAY_S = 3600, 86_400
CALM: Look = (0.5, 0.9, 0.0)
PAIN: Look = (6.0, 0.9, 0.0)
PROTOCOLS = {"activity": load("activity")}


WIDE = Bound(30 * DAY_S * US)
"""A guard that lets a month pass."""


class Road:
    """Grade and record over a bus in memory and a database, with one clock that a test sets."""

    def __init__(self, database: Database, folder: Path, bound: Bound = WIDE) -> None:
        self.database, self.folder, self.bound = database, folder, bound
        self.now_us = T0_S * US
        self.target = FakeTarget()
        self.sink = PostgresSink(database, PROTOCOLS, [self.target], clock=self.clock)
        self.undoer = Undoer(database, [self.target], lambda: None, clock=self.clock)
        self.start()

    def clock(self) -> int:
        return self.now_us

    def start(self) -> None:
        """Processes that know what the database says."""
        self.bus = MemoryBus(flush_s=0.05)
        begin = SourceStart(self.database, [setup()], clock=self.clock)
        ahead = Ahead(self.bound, self.clock)
        self.grading = Grading(self.bus, begin, default="activity", ahead=ahead, undone=begin.undone, ask_every_s=0.0)
        self.recording = Recording(self.bus, Writer(self.sink, lambda: None).commit, lambda _: None)
        self.bus.consume([dead_letters(ESTIMATES)], "letters", lambda _records: None)
        self.recording.start()
        self.grading.start()

    def close(self) -> None:
        self.grading.stop()
        self.recording.stop()
        self.bus.close()

    def send(self, messages: Sequence[stage.Input], *, moves: bool = True) -> None:
        for message in messages:
            assert isinstance(message, Estimate | Beat)
            if moves:
                self.now_us = message.time_us
            schema, value = codec.encode(message)
            self.bus.publish(ESTIMATES, message.source, value, {"schema": schema.encode()}).result(timeout=60)

    def look(self, seconds: float, at_s: int, look: Callable[[int], Look] = lambda _: CALM) -> None:
        """A camera that is watched."""
        self.send([replace(one, source=CAMERA) for one in feed(look, seconds, origin_s=at_s, ended=False)])  # type: ignore[call-arg]

    def windows(self) -> list[tuple[int, int | None]]:
        """(second, grade) in order."""
        with self.database.transaction() as tx:
            return tx.execute(
                "SELECT (start_us / 1000000 - %s)::int, grade FROM assessment WHERE source = %s ORDER BY start_us", (T0_S, CAMERA)
            ).fetchall()

    def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline, self.windows()[:30]
            time.sleep(0.02)

    def undo(self) -> Undoing:
        """As the command does, and record."""
        wanted = Undoing(uuid4(), CAMERA, self.now_us, "n7", "the clock of the camera's host jumped", self.now_us)
        with self.database.transaction() as tx:
            undoing.ask(tx, wanted)
        self.undoer.run()
        with self.database.transaction() as tx:
            done = undoing.get(tx, wanted.id)
        assert done is not None
        return done

    def verify(self) -> Verified:
        return checkpoints.verify(self.database, self.folder / "none", "")

    def alarms(self) -> int:
        with self.database.transaction() as tx:
            return tx.execute("SELECT count(*) FROM audit WHERE event IN ('alarm', 'set_aside')").fetchall()[0][0]


@pytest.fixture
def road(database: Database, tmp_path: Path) -> Iterator[Road]:
    before_us = (T0_S - HOUR_S) * US
    admit(database, replace(stay(start_us=before_us, recorded_us=before_us), birth_date=date(1950, 1, 1)))
    made = Road(database, tmp_path)
    yield made
    made.close()


def far(seconds: int = HOUR_S) -> Beat:
    return Beat(CAMERA, (T0_S + 20 + seconds) * US, 5, 0, 0)


def closed(road: Road, seconds: int = 2 * HOUR_S) -> None:
    """Twenty seconds of a bed, then a message hours or a day ahead."""
    road.look(20, T0_S)
    road.send([far(seconds)], moves=False)
    road.until(lambda: len(road.windows()) == 4 + seconds // 5)


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_the_bed_is_graded_again_within_the_next_windows(road: Road, restarted: bool) -> None:
    """Nothing is graded until it is undone; then every window has its true content, under the id that it always has."""
    seconds = HOUR_S if restarted else DAY_S
    closed(road, seconds)
    road.look(20, T0_S + 20)
    before = road.windows()
    assert all(grade is None for second, grade in before if second >= 20), "the bed is closed for a day"
    if restarted:
        road.close()
    done = road.undo()
    assert done.windows == seconds // 5 - 4
    if restarted:
        road.start()
    road.look(40, T0_S + 40, lambda _: PAIN)
    road.until(lambda: len(road.windows()) >= 14)
    windows = dict(road.windows())
    assert all(windows[second] is not None for second in (0, 5, 10, 15, 45, 50, 55, 60))
    assert max(windows) < 90
    assert road.alarms() == 0
    found = road.verify()
    assert found.unproven == 0


def test_the_record_says_what_was_and_nothing_of_the_future(road: Road) -> None:
    """Entries of the closed time are withdrawn, nothing is asked of it; every link holds, and says who undid what."""
    closed(road)
    done = road.undo()
    assert done.entries
    road.look(60, T0_S + 20)
    road.until(lambda: len(road.windows()) >= 14)
    with road.database.transaction() as tx:
        ahead = tx.execute(
            "SELECT DISTINCT ON (id) status FROM entry WHERE end_us > %s ORDER BY id, revision DESC", ((T0_S + 3600) * US,)
        ).fetchall()
        open_ = tx.execute("SELECT count(*) FROM question WHERE state = 'open' AND end_us > %s", ((T0_S + 3600) * US,)).fetchall()[0][0]
        links = tx.execute("SELECT count(*) FROM audit WHERE event = 'undone'").fetchall()[0][0]
        snapshots = tx.execute("SELECT max(closed_until_us) FROM snapshot").fetchall()[0][0]
    assert {status for (status,) in ahead} <= {"entered-in-error"}
    assert open_ == 0
    assert links == -(-done.windows // 5000) or links == -(-(done.windows + 1) // 5000)
    assert snapshots <= (T0_S + 90) * US
    assert road.alarms() == 0
    assert road.verify().unproven == 0


def test_the_same_entry_once_more_is_its_next_revision(road: Road) -> None:
    """No face was seen in the window that was closed ahead, and none is seen when it comes again: an entry written, withdrawn, written."""
    road.send([Beat(CAMERA, (T0_S + 1) * US, 0, 0, 0)])
    road.send([far()], moves=False)
    road.until(lambda: len(road.windows()) > 700)
    assert road.undo().entries
    assert road.windows() == []
    road.send([Beat(CAMERA, (T0_S + second) * US, 0, 0, 0, reason=Reason.DARK) for second in range(2, 40)])
    road.until(lambda: len(road.windows()) >= 7)
    with road.database.transaction() as tx:
        told = tx.execute("SELECT revision, status FROM entry WHERE start_us = %s ORDER BY revision", (T0_S * US,)).fetchall()
    assert told == [(1, "preliminary"), (2, "entered-in-error"), (3, "preliminary")]
    assert road.alarms() == 0
    assert road.verify().unproven == 0


def test_undone_twice_is_proven_twice(road: Road) -> None:
    """The clock jumps again: a window may come a third time, and a whole verification still holds."""
    closed(road)
    road.undo()
    road.look(20, T0_S + 20)
    road.until(lambda: len(road.windows()) >= 7)
    road.send([far(HOUR_S)], moves=False)
    road.until(lambda: len(road.windows()) > 700)
    note = verification.verify(road.database, road.folder / "none", "").note(0, None)
    road.undo()
    road.look(20, T0_S + 40)
    road.until(lambda: len(road.windows()) >= 11)
    assert all(grade is not None for second, grade in road.windows() if second not in (35, 40))
    assert road.verify().unproven == 0
    assert verification.verify(road.database, road.folder / "none", "", since=note).found.count
    assert road.alarms() == 0


def test_what_comes_late_of_the_closed_day_changes_nothing(road: Road) -> None:
    """Record's bus still held windows and a snapshot of the future: they are let go, and no one learns them."""
    closed(road)
    with road.database.transaction() as tx:
        ((kept,),) = tx.execute("SELECT state FROM snapshot").fetchall()
    road.undo()
    state = stage.load(bytes(kept), setup())
    events = stage.step(state, [Beat(CAMERA, state.closed_until_us + 10 * US, 0, 0, 0)])
    late = [one for one in events[1] if one.start_us > (T0_S + HOUR_S) * US]
    assert late
    road.sink.commit(late, [Snapshot(CAMERA, "activity", stage.VERSION, state.closed_until_us, bytes(kept))])  # type: ignore[arg-type]
    assert max(second for second, _ in road.windows()) < 60
    with road.database.transaction() as tx:
        assert tx.execute("SELECT count(*) FROM snapshot WHERE closed_until_us > %s", (road.now_us + HOUR_S * US,)).fetchall()[0][0] == 0


def test_an_alert_that_comes_again_was_seen_by_nobody(road: Road) -> None:
    """A nurse saw the alert that the clock's jump brought. The one that comes again under its id is another: she is told of it, too."""
    reader = RecordReader(road.database, road.clock)
    first = window(0, 2, t0=(T0_S + DAY_S) * US)
    road.sink.commit([first, alert(first)])
    assert reader.acknowledge(alert(first).id, "n7", "console").nurse == "n7"
    assert road.undo().windows == 1
    assert road.verify().unproven == 0
    road.now_us = (T0_S + DAY_S + 60) * US
    road.sink.commit([first, alert(first)])
    found, seen = reader.alert(alert(first).id, "console")
    assert (found.id, seen) == (str(alert(first).id), None)
    assert reader.acknowledge(alert(first).id, "n8", "console").nurse == "n8"
    assert road.verify().unproven == 0
    with road.database.transaction() as tx:
        tx.execute("DELETE FROM acknowledged")
    with pytest.raises(IntegrityError, match="missing"):
        road.verify()


def test_a_window_that_went_without_such_a_link_is_still_an_alarm(road: Road) -> None:
    """Rows in the tables of what was undone prove nothing: the chain must say it."""
    road.look(20, T0_S)
    road.until(lambda: len(road.windows()) >= 3)
    with road.database.transaction() as tx:
        (one,) = tx.execute("DELETE FROM assessment WHERE id = (SELECT id FROM assessment LIMIT 1) RETURNING id").fetchall()
        tx.execute("INSERT INTO undone_message VALUES (%s, 1)", one)
        tx.execute("INSERT INTO undone VALUES (%s, %s, 0, 'x', 'x', 0, 0, 1, 0)", (uuid4(), CAMERA))
    with pytest.raises(IntegrityError, match="missing"):
        road.verify()


def test_who_and_why_are_needed_and_a_camera_that_is_known(database: Database) -> None:
    assert BED
    for wrong in ({"by": " "}, {"reason": ""}, {"source": "nowhere"}):
        told = {"source": CAMERA, "by": "n7", "reason": "clock", **wrong}
        with pytest.raises(MessageError) as failed, database.transaction() as tx:
            undoing.ask(tx, Undoing(uuid4(), told["source"], 0, told["by"], told["reason"], 0))
        assert failed.value.field in wrong or failed.value.field == "source"


def test_what_was_not_closed_ahead_is_not_withdrawn(road: Road) -> None:
    """Neither by who asks for it, nor by who writes the row that asks record for it."""
    road.look(200, T0_S)
    road.until(lambda: len(road.windows()) >= 36)
    before = road.windows()
    for back_us in (3600 * US, 40 * DAY_S * US):
        wanted = Undoing(uuid4(), CAMERA, road.now_us - back_us, "n7", "a grade that somebody does not like", road.now_us)
        with pytest.raises(MessageError) as failed, road.database.transaction() as tx:
            undoing.ask(tx, wanted)
        assert failed.value.field == "from"
        with road.database.transaction() as tx:
            tx.execute("INSERT INTO undone VALUES (%s, %s, %s, 'x', 'x', 0)", (wanted.id, CAMERA, wanted.from_us))
        assert road.undoer.run() == 0
        with road.database.transaction() as tx:
            done = undoing.get(tx, wanted.id)
            assert undoing.told(tx) == []
        assert done is not None
        assert done.done_us is not None, "it is not tried for ever"
    assert road.windows() == before
    assert road.verify().unproven == 0


def test_closed_ahead_of_its_commit_may_be_undone_later(road: Road) -> None:
    """The clock was put right, and now has passed what was closed ahead: the chain still says when that was committed."""
    closed(road, HOUR_S)
    road.now_us += 2 * HOUR_S * US
    wanted = Undoing(uuid4(), CAMERA, (T0_S + 20) * US, "n7", "the clock of the camera's host jumped", road.now_us)
    with road.database.transaction() as tx:
        undoing.ask(tx, wanted)
    assert road.undoer.run() == HOUR_S // 5
    with road.database.transaction() as tx:
        (told,) = undoing.told(tx)
    assert (told.source, told.from_us, told.by, told.reason) == (CAMERA, wanted.from_us, "n7", wanted.reason)
    assert told.messages >= HOUR_S // 5
    assert road.verify().unproven == 0


def test_a_link_that_withdraws_what_it_can_not_mean_is_an_alarm(road: Road) -> None:
    """Whoever may write the trail hides a window that went: it ended before the moment that the link names."""
    road.look(60, T0_S)
    road.until(lambda: len(road.windows()) >= 8)
    with road.database.transaction() as tx:
        tx.execute("DELETE FROM alert")
        ((one,),) = tx.execute("DELETE FROM assessment WHERE id = (SELECT id FROM assessment ORDER BY start_us LIMIT 1) RETURNING id")
        said = {"source": CAMERA, "from_us": (T0_S + 30) * US, "by": "x", "reason": "x", "messages": [str(one)]}
        append(tx, [Fact(uuid4(), 1, undoing.EVENT, 1, dump(said))], road.now_us)
    with pytest.raises(IntegrityError, match="ended before that"):
        road.verify()
