"""What is delivered is (entry, revision, target), revisions in order; what happens at one target never delays another."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.contract.delivery.conftest import NAMES, PROTOCOLS, World
from tests.integration.record_world import T0, FakeTarget, admit, change, stay, window
from wince.delivery import books
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.entry import Entry, TaskEntry
from wince.domain.stay import Watch
from wince.errors import ConfigError, InputError
from wince.pipeline.record.sink import PostgresSink
from wince.store import audit
from wince.store.database import Database
from wince.store.stays import save_watches

REFUSED = Answer(Outcome.DEAD, "422 invalid")


def test_every_target_gets_every_entry_once_in_order_in_its_own_words(world: World) -> None:
    made = [entry.id for entry in world.chart()]
    with world.delivering() as running:
        assert running.drain(60)
    for name in NAMES:
        assert world.rows(name) == [(entry, "written") for entry in made]
        assert world.trail(name, "charted") == world.trail(name, "intent") == world.trail(name, "written") == made
        assert world.held_by(name).keys() == {str(entry) for entry in made}
    assert world.targets["first"].bodies[0] != world.targets["second"].bodies[0]
    assert json.loads(world.targets["second"].bodies[0])["id"] == str(made[0])
    assert verify(audit.rows(world.database, payloads=True)).erased == 0


def test_a_retry_at_one_target_is_no_business_of_the_other(world: World, failing: str, other: str) -> None:
    made = [entry.id for entry in world.chart()]
    world.targets[failing].script = lambda number: Answer(Outcome.RETRY, "503") if number in (1, 2) else None
    with world.delivering() as running:
        assert running.drain(60)
    assert world.trail(failing, "written") == world.trail(other, "written") == made
    assert len(world.trail(failing, "retry")) == 2
    assert world.trail(other, "retry") == []
    assert len(world.targets[other].bodies) == 4


def test_a_dead_letter_of_one_target_is_replayed_there_alone(world: World, failing: str, other: str) -> None:
    made = [entry.id for entry in world.chart()]
    world.targets[failing].script = lambda number: REFUSED if number == 1 else None
    with world.delivering() as running:
        assert running.drain(60)
        assert world.rows(other) == [(entry, "written") for entry in made]
        with world.database.transaction() as tx:
            (letter,) = books.dead(tx)
            assert (letter.entry, letter.target) == (made[1], failing)
            with pytest.raises(InputError):
                books.replay(tx, made[1], 1, other, T0)
        with world.database.transaction() as tx:
            books.replay(tx, letter.entry, letter.revision, letter.target, T0)
        assert running.drain(60)
    assert world.states(failing) == {"written"}
    assert len(world.targets[other].bodies) == 4
    assert (world.trail(failing, "replay"), world.trail(other, "replay")) == ([made[1]], [])


def test_a_letter_that_both_refused_is_replayed_by_name(world: World) -> None:
    (made,) = world.chart(1)
    for target in world.targets.values():
        target.script = lambda number: REFUSED if number == 0 else None
    with world.delivering() as running:
        assert running.drain(60)
        with pytest.raises(InputError, match="first, second"), world.database.transaction() as tx:
            books.replay(tx, made.id, 1, "", T0)
        with world.database.transaction() as tx:
            books.replay(tx, made.id, 1, "second", T0)
        assert running.drain(60)
    assert (world.states("first"), world.states("second")) == ({"dead"}, {"written"})


def test_a_hold_of_one_target_holds_no_other(world: World, failing: str, other: str) -> None:
    world.chart()
    allowed: list[bool] = []
    world.targets[failing].script = lambda _number: None if allowed else Answer(Outcome.HELD, "403", remedy="grant the scopes")
    with world.delivering() as running:
        assert running.drain(60)
        assert world.states(other) == {"written"}
        with world.database.transaction() as tx:
            (open_,) = books.backlog(tx)
        assert (open_.target, open_.waiting, open_.held, open_.dead) == (failing, 0, 4, 0)
        assert open_.hold
        assert (open_.hold.detail, open_.hold.remedy) == ("403", "grant the scopes")
        assert open_.oldest_s > 0
        allowed.append(True)
        with world.database.transaction() as tx:
            assert not books.release(tx, other, "a person", T0)
            assert books.release(tx, failing, "a person", T0)
        running.wake()
        assert running.drain(60)
    assert world.states(failing) == {"written"}
    assert [row.event for row in audit.rows(world.database) if row.event in ("hold", "release")] == ["hold", "release"]


def test_a_slow_target_delays_no_other(world: World, failing: str, other: str) -> None:
    world.chart()
    slow = world.targets[failing]
    slow.gate = threading.Event()
    with world.delivering() as running:
        others = Delivery(world.database, [world.targets[other]])
        assert others.drain(60), "the other target is served while this one answers nothing"
        assert slow.bodies == []
        slow.gate.set()
        assert running.drain(60)
    assert world.states(failing) == world.states(other) == {"written"}


def test_a_revision_waits_only_where_the_one_below_it_is_dead(world: World, failing: str, other: str) -> None:
    (made,) = world.chart(1)
    change(world.database, Revision(supersede=(stay(),), recorded_us=T0))
    world.sink.review()
    world.targets[failing].script = lambda number: REFUSED if number == 0 else None
    with world.delivering() as running:
        assert running.drain(60)
        assert world.held_by(other) == {str(made.id): "entered-in-error"}
        assert len(world.targets[failing].bodies) == 1
        with world.database.transaction() as tx:
            (open_,) = books.backlog(tx)
            assert (open_.target, open_.stuck, open_.dead) == (failing, 1, 1)
            books.replay(tx, made.id, 1, failing, T0)
        assert running.drain(60)
    assert world.held_by(failing) == {str(made.id): "entered-in-error"}


@pytest.mark.parametrize("broken", [None, "", 7, "\0", KeyError("x")])
def test_what_one_target_cannot_render_reaches_the_other(database: Database, broken: object) -> None:
    """A dead letter of that target, whatever its code does; the batch is committed."""

    class Broken(FakeTarget):
        def render(self, entry: Entry | TaskEntry) -> str:
            if isinstance(broken, Exception):
                raise broken
            return broken  # type: ignore[return-value]

    first, second = Broken(name="first"), FakeTarget(name="second")
    world = World(database, None, {"first": first, "second": second})  # type: ignore[arg-type, dict-item]
    world.chart(1)
    with world.delivering() as running:
        assert running.drain(60)
    assert (world.states("first"), world.states("second")) == ({"dead"}, {"written"})


def test_a_target_that_comes_later_gets_later_revisions_as_its_first(world: World) -> None:
    """It never had revision 1, so it is told no place."""
    later = world.targets.pop("second")
    (made,) = world.chart(1)
    world.targets["second"] = later
    change(world.database, Revision(supersede=(stay(),), recorded_us=T0))
    world.sink.review()
    with world.delivering() as running:
        assert running.drain(60)
    assert isinstance(later.real, FakeTarget)
    assert later.real.calls == [(str(made.id), 2, "", "")]


@pytest.mark.parametrize("names", [("ehr", "ehr"), ("",), ("a b",), ("e\x1fhr",)])
def test_names_of_targets_differ_and_can_be_written_anywhere(database: Database, names: tuple[str, ...]) -> None:
    targets = [FakeTarget(name=name) for name in names]
    with pytest.raises(ConfigError):
        PostgresSink(database, {}, targets)
    with pytest.raises(ConfigError):
        Delivery(database, targets)


DELIVERER = """
import json, os, sys, time
from tests.contract.delivery.conftest import Hasty, Scripted
from tests.contract.targets.kinds import target
from tests.integration.record_load import FileTarget
from wince.delivery.worker import Delivery
from wince.store.database import Database
from pathlib import Path
said = json.loads(sys.argv[1])
class Hanging(Scripted):
    def deliver(self, body, location="", version="", *, first=False):
        answer = super().deliver(body, location, version)
        if len(self.bodies) == 2:
            os.write(1, self.name.encode() + bytes([10]))  # the target has it; nobody will hear so. One write: two threads speak at once
            time.sleep(600)
        return answer
second = FileTarget(Path(said["file"]))
second.name = "second"
first = target(said["kind"], said["reached"], "first")
running = Delivery(Database(said["dsn"], size=4), [Hanging(first), Hanging(second)], per_encounter=2, jitter=Hasty())
running.start()
time.sleep(600)
"""


def test_a_kill_between_intent_and_answer_doubles_nothing_at_either(world: World, tmp_path: Path) -> None:
    """Both targets took a row whose answer nobody kept: each gets it again, and has it once."""
    made = [str(entry.id) for entry in world.chart()]
    file = tmp_path / "second"
    said = {"dsn": world.database.dsn, "kind": world.receiver.kind, "reached": world.receiver.reached(), "file": str(file)}
    program = [sys.executable, "-c", DELIVERER, json.dumps(said)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        assert process.stdout
        assert {process.stdout.readline().strip() for _ in NAMES} == set(NAMES)
        process.kill()
    for name in NAMES:
        assert len(world.trail(name, "intent")) == 2 > len(world.trail(name, "written"))
        assert "leased" in world.states(name)
    second = world.targets["second"].real
    assert isinstance(second, FakeTarget)
    sent = [line.split()[0] for line in file.read_text().splitlines()]
    assert sent == made[:2]
    with world.database.transaction() as tx:
        tx.execute("UPDATE outbox SET lease_until = now() WHERE state = 'leased'")
    with world.delivering() as running:
        assert running.drain(60)
    assert world.held_by("first").keys() == set(made)
    assert list(dict.fromkeys(sent + [call[0] for call in second.calls])) == made
    for name in NAMES:
        assert world.states(name) == {"written"}
        assert [str(entry) for entry in world.trail(name, "written")] == made
    assert verify(audit.rows(world.database, payloads=True)).erased == 0


def test_a_target_that_takes_one_delivery_at_a_time_gets_no_more(database: Database) -> None:
    """Beside one that sets no limit, over the same four encounters."""

    class Counting(FakeTarget):
        now = most = 0
        patience_s = 60.0

        def __init__(self, name: str) -> None:
            super().__init__(name=name)
            self.several = threading.Event()

        def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
            with self._lock:
                self.now += 1
                self.most = max(self.most, self.now)
                if self.most > 1:
                    self.several.set()
            self.several.wait(self.patience_s)
            answer = super().deliver(body, location, version)
            with self._lock:
                self.now -= 1
            return answer

    class One(Counting):
        at_once = 1
        patience_s = 0.05

    free, narrow = Counting(name="free"), One(name="narrow")
    sink = PostgresSink(database, PROTOCOLS, [free, narrow])
    for number in range(4):
        bed = f"ICU^{number}^A"
        save_watches(database, [Watch(f"cam-{number}", bed, 0, None, 0)])
        admit(database, stay(f"V{number}", bed=bed))
        sink.commit([window(0, 1, source=f"cam-{number}")])
    running = Delivery(database, [free, narrow], poll_s=0.02)
    running.start()
    try:
        assert running.drain(60)
    finally:
        running.stop()
    assert len(narrow.calls) == len(free.calls) == 4
    assert narrow.most == 1 < free.most
