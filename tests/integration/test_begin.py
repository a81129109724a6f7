"""How a source begins: from snapshots that can be used, new where they can't, and told who lies there and what people decided."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest

from tests.integration.record_world import BED, CAMERA, T0, admit, alert, stay, window
from tests.integration.test_record_sink import sink
from tests.support.verdicts import verdict_id
from tests.unit.pipeline.grade.feed import PROTOCOL, assessments, feed, setup
from wince.care import events
from wince.care.events import Event
from wince.codec.care import bed_pause_to_message
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause, Pause, PauseReason
from wince.domain.frame import US
from wince.domain.snapshot import Snapshot
from wince.pipeline.grade import stage
from wince.pipeline.grade.calm import Calm, Shown
from wince.serve.begin import SourceStart
from wince.store import snapshots
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.schema import bundled

MINE = replace(PROTOCOL, name="mine")


def graded(protocol=PROTOCOL, seconds: float = 7.0) -> stage.State:
    """The state after some windows of a camera, as a snapshot keeps it."""
    messages = [replace(one, source=CAMERA, time_us=one.time_us + T0) for one in feed(lambda _: (1.0, 0.9, 0.0), seconds, ended=False)]
    return stage.step(stage.begin(CAMERA, setup(protocol=protocol)), messages)[0]


def keep(database: Database, state: stage.State, *, version: int = stage.VERSION, content: bytes | None = None) -> None:
    made = Snapshot(CAMERA, state.setup.protocol.name, version, state.closed_until_us, content or stage.dump(state))
    with database.transaction() as tx:
        snapshots.save(tx, "grade", [made])


def test_each_protocol_goes_on_from_its_own_snapshot(database):
    """Two protocols of one camera lie beside each other; one that has none yet begins."""
    keep(database, graded(PROTOCOL, 7.0))
    keep(database, graded(MINE, 12.0))
    begin = SourceStart(database, [setup(), setup(protocol=MINE), setup(protocol=replace(PROTOCOL, name="third"))])
    states = begin(CAMERA)
    assert {name: state.closed_until_us - T0 for name, state in states.items() if state.closed_until_us} == {
        "activity": 5 * US,
        "mine": 10 * US,
    }
    assert states["third"].closed_until_us == 0
    assert begin.closed([CAMERA]) == {}
    assert SourceStart(database, [setup(), setup(protocol=MINE)]).closed([CAMERA, "other"]) == {CAMERA: T0 + 5 * US}


@pytest.mark.parametrize(
    ("version", "content"),
    [(stage.VERSION + 1, None), (stage.VERSION, b"no snapshot"), (stage.VERSION, b'{"version": 1, "protocol": "activity"}')],
)
def test_what_cannot_be_read_begins_anew(database, version, content):
    """Another version of the fold, bytes that are none: the source begins, whoever folds it."""
    keep(database, graded(), version=version, content=content)
    (state,) = SourceStart(database, [setup()])(CAMERA).values()
    assert state.closed_until_us == 0


def test_a_snapshot_of_another_protocol_is_left_alone(database):
    keep(database, graded(MINE))
    begin = SourceStart(database, [setup()])
    assert begin(CAMERA)["activity"].closed_until_us == 0
    assert begin.closed([CAMERA]) == {}


def test_a_protocol_that_was_not_set_for_days_calls_them_no_gap(database):
    """Another graded meanwhile. One that is behind by a window, because its process died, goes on."""
    keep(database, graded(PROTOCOL, 7.0))
    for behind_s, goes_on in ((600, True), (3 * 86_400, False)):
        other = graded(MINE, 7.0)
        keep(database, replace(other, closed_until_us=other.closed_until_us + behind_s * US))
        state = SourceStart(database, [setup()])(CAMERA)["activity"]
        assert (state.closed_until_us > 0) is goes_on
        later = [replace(one, source=CAMERA, time_us=one.time_us + T0 + 3 * 86_400 * US) for one in feed(lambda _: (1.0, 0.9, 0.0), 7.0)]
        assert (len(assessments(stage.step(state, later)[1])) > 1000) is goes_on


def test_a_snapshot_of_another_time_is_left_alone(database):
    """A replay that begins after the snapshot, or a day and more before it, begins anew."""
    keep(database, graded())
    for origin_us, known in ((T0, True), (T0 + 3600 * US, False), (T0 - 25 * 3600 * US, False)):
        begin = SourceStart(database, [setup()], origin_us)
        assert (begin(CAMERA)["activity"].closed_until_us > 0) is known
        assert (CAMERA in begin.closed([CAMERA])) is known


def test_people_are_asked_for_in_every_mode(database):
    """Who lies there, a pause of the bed, and what a nurse answered about a window that the snapshot remembers."""
    admit(database, stay())
    first = window(0, 2)
    sink(database).commit([first, alert(first)])
    sink(database).commit([Verdict(verdict_id(first.id, "n7", T0 + 6 * US), None, first.id, "n7", 0, T0 + 6 * US)])
    pause = BedPause(uuid4(), BED, T0 + 8 * US, T0 + 60 * US, PauseReason.CARE, "n7")
    with database.transaction() as tx:
        body = bed_pause_to_message(pause).SerializeToString()
        events.keep(tx, Event(pause.id, "pause", pause.start_us, "n7", body, bed=BED, until_us=pause.end_us), [], "", T0)
    state = graded()
    embedding = next(one.embedding for one in state.seen if one.embedding is not None)
    shown = Calm(stay().id, shown=(Shown(first.id, 25, embedding),))
    keep(database, replace(state, calm=shown))
    (begun,) = SourceStart(database, [setup()], T0)(CAMERA).values()
    assert [one.stay for one in begun.occupants] == [stay().id]
    assert begun.pauses == (Pause(CAMERA, T0 + 8 * US, T0 + 60 * US),)
    assert [(one.painless, one.answered_us) for one in begun.calm.shown] == [(True, T0 + 6 * US)]


def test_todays_snapshots_stay_valid(postgres_dsn):
    """A database of the schema before holds one snapshot for each source: each goes on as its protocol's; what is none goes."""
    name = f"test_{uuid4().hex}"
    old = graded(MINE)
    assert b"NaN" in stage.dump(old)  # as every snapshot with an open window has
    with psycopg.connect(psycopg.conninfo.make_conninfo(postgres_dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            with Database(psycopg.conninfo.make_conninfo(postgres_dsn, dbname=name), size=2) as database:
                migrate(database, [one for one in bundled() if one.number < 8])
                with database.transaction() as tx:
                    for key, content in ((CAMERA, stage.dump(old)), ("broken", b"\x00\xff"), ("other", b"[1]"), ("none", b"{}")):
                        tx.execute(
                            "INSERT INTO snapshot(fold, key, fold_version, closed_until_us, state) VALUES ('grade', %s, 1, %s, %s)",
                            (key, old.closed_until_us, content),
                        )
                migrate(database)
                states = SourceStart(database, [setup(), setup(protocol=MINE)])(CAMERA)
                assert states["mine"].closed_until_us == old.closed_until_us
                assert len(states["mine"].seen) == len(old.seen) > 0
                assert states["activity"].closed_until_us == 0
                with database.transaction() as tx:
                    assert tx.execute("SELECT key, protocol FROM snapshot").fetchall() == [(CAMERA, "mine")]
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
