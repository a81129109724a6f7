"""Several record replicas on one database: they write beside each other, one at a time for a source and an encounter."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, alert, change, question, stay, window
from tests.support.verdicts import verdict_id
from wince.domain.assessment import Verdict
from wince.domain.audit import verify
from wince.domain.census import Revision
from wince.domain.entry import Entry, TaskEntry
from wince.domain.reason import Reason
from wince.domain.stay import Watch
from wince.pipeline.record.live import Live
from wince.pipeline.record.sink import PostgresSink
from wince.pipeline.record.told import Kind
from wince.protocols.loader import load
from wince.store import audit
from wince.store.database import Database
from wince.store.plain import dump
from wince.store.stays import save_watches

PROTOCOLS = {"activity": load("activity")}
OTHER, OTHER_BED = "cam-2", "ICU^2^A"


class Halting(FakeTarget):
    """Calls `meanwhile` while a batch has been planned and is not sealed: rendering is in between."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile: Callable[[], object] | None = meanwhile

    def render(self, entry: Entry | TaskEntry) -> str:
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile:
            meanwhile()
        return super().render(entry)


def two_beds(database: Database) -> None:
    admit(database, stay("V1"), stay("V2", bed=OTHER_BED))
    save_watches(database, [Watch(OTHER, OTHER_BED, 0, None, 0)])


def sink(database: Database, target: FakeTarget | None = None) -> PostgresSink:
    return PostgresSink(database, PROTOCOLS, [target or FakeTarget()])


def waits(database: Database) -> bool:
    """Whether somebody waits for somebody's lock, after some time."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with database.transaction() as tx:
            if tx.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'").fetchone():
                return True
        time.sleep(0.01)
    return False


def test_two_replicas_write_for_two_encounters_at_the_same_time(database: Database) -> None:
    """The second commits while the first is in the middle of its transaction; the trail holds both, each whole."""
    two_beds(database)
    during: list[int] = []
    first = sink(database, Halting(lambda: during.append(len(sink(database).commit([window(0, source=OTHER)]).entries))))
    assert len(first.commit([window(0)]).entries) == 1
    assert during == [1]
    order = [row.entry for row in audit.rows(database) if row.event == "assessment"]
    assert order == [window(0, source=OTHER).id, window(0).id]
    assert verify(audit.rows(database, payloads=True)).erased == 0


def test_two_replicas_never_write_for_one_source_at_the_same_time(database: Database) -> None:
    """A source that changes hands: the successor waits for what its predecessor is writing, and charts what comes after it."""
    admit(database, stay())
    entries: list[Entry] = []
    second = threading.Thread(target=lambda: entries.extend(sink(database).commit([window(0), window(1, 2), window(120, 2)]).entries))

    def meanwhile() -> None:
        second.start()
        assert waits(database)

    (made,) = sink(database, Halting(meanwhile)).commit([window(0)]).entries
    second.join(30)
    assert [(entry.start_us, entry.grade) for entry in entries] == [(window(120).start_us, 2)]
    assert made.grade == 0


def test_one_question_of_an_encounter_is_open_whichever_replica_asks(database: Database) -> None:
    """Two cameras over one bed, each another replica's: the second finds the first's question."""
    admit(database, stay())
    save_watches(database, [Watch(OTHER, BED, 0, None, 0)])
    tasks: list[TaskEntry] = []
    second = threading.Thread(
        target=lambda: tasks.extend(sink(database).commit([window(0, source=OTHER), question(window(0, source=OTHER))]).tasks)
    )

    def meanwhile() -> None:
        second.start()
        assert waits(database)

    first = sink(database, Halting(meanwhile)).commit([window(0), question(window(0))])
    second.join(30)
    assert (len(first.tasks), tasks) == (1, [])
    assert Counter(row.event for row in audit.rows(database))["not_asked"] == 1


def test_a_stay_that_stops_being_believed_while_a_batch_is_written_is_corrected(database: Database) -> None:
    """The hospital commits between what a batch read and its seal: what it wrote to the wrong encounter is withdrawn at once."""
    admit(database, stay())
    right = replace(stay("V2"), recorded_us=T0 + US)

    def meanwhile() -> None:
        change(database, Revision(supersede=(stay(),), recorded_us=T0 + US))
        change(database, Revision(add=(right,), recorded_us=T0 + US), "V2")

    done = sink(database, Halting(meanwhile)).commit([window(0), question(window(0))])
    said = [(entry.encounter.value, entry.status) for entry in done.entries]
    assert said == [("V1", "preliminary"), ("V1", "entered-in-error"), ("V2", "preliminary")]
    assert [(task.encounter and task.encounter.value, task.status) for task in done.tasks] == [
        ("V1", "requested"),
        ("V1", "cancelled"),
        ("V2", "requested"),
    ]


def test_who_follows_live_passes_nothing_over(database: Database) -> None:
    """The batch that began first is committed last: both are told."""
    two_beds(database)
    live = Live(database, None)  # type: ignore[arg-type]
    position, seen = live._newest(), list[object]()

    def look() -> None:
        nonlocal position
        position, _, found = live._since(position)
        seen.extend(item.body for item in found if item.kind in (Kind.ASSESSMENT, Kind.ALERT))

    def meanwhile() -> None:
        sink(database).commit([window(0, source=OTHER)])
        look()

    sink(database, Halting(meanwhile)).commit([window(0), window(1, 2), alert(window(1, 2))])
    assert len(seen) == 1
    look()
    look()
    assert len(seen) == len(set(seen)) == 4


def test_many_at_once_with_what_comes_again_and_corrections(database: Database) -> None:
    """Three replicas, sources that change hands, every batch twice, verdicts, a stay that moves: each effect once, the trail whole."""
    two_beds(database)
    target, failed = FakeTarget(), list[BaseException]()
    batches = [
        [window(number, number % 3, source=source), alert(window(number, 2, source=source)), question(window(number, source=source))]
        for number in range(0, 720, 24)
        for source in (CAMERA, OTHER)
    ]
    at = T0 + 9000 * US
    verdicts = [Verdict(verdict_id(batch[0].id, "n1", at), batch[2].id, batch[0].id, "n1", 1, at) for batch in batches[::7]]
    work = [*batches, *([one] for one in verdicts)] * 2

    def replica(number: int) -> None:
        mine = work[number::3] + work[(number + 1) % 3 :: 3]
        random.Random(number).shuffle(mine)
        writer = sink(database, target)
        try:
            for batch in mine:
                writer.commit(batch)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=replica, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    moved = replace(stay("V3", bed=OTHER_BED), recorded_us=T0 + US)
    change(database, Revision(supersede=(stay("V2", bed=OTHER_BED),), recorded_us=T0 + US), "V2")
    change(database, Revision(add=(moved,), recorded_us=T0 + US), "V3")
    for thread in threads:
        thread.join(120)
    sink(database, target).review()
    assert failed == []
    trail = list(audit.rows(database, payloads=True))
    assert verify(trail).erased == 0
    assert Counter(row.entry for row in trail if row.event == "assessment") == Counter({batch[0].id: 1 for batch in batches})
    with database.transaction() as tx:
        wrong = tx.execute(
            "SELECT count(*) FROM (SELECT DISTINCT ON (id) id, status, stay FROM entry ORDER BY id, revision DESC) e JOIN stay s"
            " ON s.id = e.stay WHERE e.status <> 'entered-in-error' AND s.encounter = 'V2'"
        ).fetchone()
        open_ = tx.execute(
            "SELECT s.encounter, count(*) FROM question q JOIN stay s ON s.id = q.stay AND s.superseded_us IS NULL"
            " WHERE q.state = 'open' GROUP BY s.encounter"
        ).fetchall()
        twice = tx.execute("SELECT entry, revision FROM outbox GROUP BY entry, revision HAVING count(*) > 1").fetchall()
    assert wrong == (0,)
    assert all(count == 1 for _, count in open_)
    assert twice == []


def test_a_question_that_moves_to_an_encounter_with_one_is_not_asked_there_again(database: Database) -> None:
    """One open question of an encounter, after a correction too: the moved one is cancelled, and the trail says why it is not asked."""
    wrong, right = stay("V1"), replace(stay("V2"), recorded_us=T0 + 100 * US)
    admit(database, wrong)
    save_watches(database, [Watch(OTHER, OTHER_BED, 0, None, 0)])
    elsewhere = stay("V2", bed=OTHER_BED)
    change(database, Revision(add=(elsewhere,), recorded_us=elsewhere.recorded_us), "V2")
    target = sink(database)
    (stands,) = target.commit([window(0, source=OTHER), question(window(0, source=OTHER))]).tasks
    (moves,) = target.commit([window(0), question(window(0))]).tasks
    change(database, Revision(supersede=(wrong,), recorded_us=T0 + 100 * US), "V1")
    change(database, Revision(add=(right,), recorded_us=T0 + 100 * US), "V2")
    done = target.review()
    assert [(task.id, task.status) for task in done.tasks] == [(moves.id, "cancelled")]
    assert _open(database) == [stands.id]
    notes = [row.payload for row in audit.rows(database, payloads=True) if row.event == "not_asked"]
    assert notes == [dump({"open": str(stands.id), "reason": Reason.CONFLICT.value})]


def test_of_two_questions_that_move_to_one_encounter_one_is_asked(database: Database) -> None:
    """Both wrong stays were the same patient's: she has one open question, not two."""
    two_beds(database)
    target = sink(database)
    for source in (CAMERA, OTHER):
        target.commit([window(0, source=source), question(window(0, source=source))])
    for name, bed in (("V1", BED), ("V2", OTHER_BED)):
        change(database, Revision(supersede=(stay(name, bed=bed),), recorded_us=T0 + US), name)
    both = tuple(replace(stay("V3", bed=bed), recorded_us=T0 + US) for bed in (BED, OTHER_BED))
    change(database, Revision(add=both, recorded_us=T0 + US), "V3")
    done = target.review()
    assert Counter(task.status for task in done.tasks) == {"cancelled": 2, "requested": 1}
    assert len(_open(database)) == 1


def _open(database: Database) -> list[UUID]:
    with database.transaction() as tx:
        return [identity for (identity,) in tx.execute("SELECT id FROM question WHERE state = 'open' AND stay IS NOT NULL").fetchall()]
