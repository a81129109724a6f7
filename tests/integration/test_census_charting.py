"""Through the record: what is seen while who lies there is doubtful isn't charted; when trust returns, it is charted late."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.record_world import BED, CAMERA, T0, US, FakeTarget, admit, stay, window
from wince.bus.memory import MemoryBus
from wince.domain.reason import Reason
from wince.hospital.outside.heard import Heard
from wince.parts import Part
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve.hospital import keeping
from wince.serve.service import Deps
from wince.settings import Settings
from wince.store import trust
from wince.store.database import Database

HOUR = 3600 * US
NOW = T0 + HOUR


@pytest.fixture
def sink(database: Database) -> PostgresSink:
    return PostgresSink(database, {"activity": load("activity")}, [FakeTarget()], clock=lambda: NOW)


def test_a_doubtful_window_is_charted_late(database: Database, sink: PostgresSink) -> None:
    """Silent for four hours at T0 + 10 s: the third window of 5 s, and a person is asked; then a message comes."""
    admit(database, stay())
    with database.transaction() as tx:
        trust.heard(tx, T0 + 10 * US - 4 * HOUR)
        trust.watch_feed(tx, NOW, 4 * HOUR)
    sink.review()
    done = sink.commit([window(number, 2) for number in range(4)])
    entries = [*done.entries, *sink.review().entries]
    assert {one.start_us for one in entries} <= {T0, T0 + 5 * US}
    assert entries
    assert Reason.DOUBTFUL in {one.reason for one in done.tasks}
    with database.transaction() as tx:
        trust.heard(tx, NOW)
        trust.watch_feed(tx, NOW, 4 * HOUR)
    late = sink.review().entries
    assert all(one.status != "entered-in-error" for one in late)
    with database.transaction() as tx:
        unbound = tx.execute("SELECT count(*) FROM assessment WHERE source = %s AND stay IS NULL", (CAMERA,)).fetchone()
    assert unbound == (0,)


def test_the_hospital_service_watches_the_feed_and_a_replay_has_none(database: Database, database_dsn: str, tmp_path: Path) -> None:
    admit(database, stay())
    with database.transaction() as tx:
        trust.heard(tx, T0)

    def parts(**settings: object) -> list[Part]:
        with ExitStack() as stack:
            loaded = Settings(pg_dsn=database_dsn, state_dir=tmp_path, time_zone="UTC", **settings)  # type: ignore[arg-type]
            deps = Deps(loaded, stack, connect=lambda _: MemoryBus())
            made = keeping(deps, Heard())
            for part in made:
                part._what()  # type: ignore[attr-defined]
            return made

    (part,) = parts()
    assert part.name == "census"
    with database.transaction() as tx:
        assert [one.bed for one in trust.in_doubt(tx, T0 + 5 * HOUR)] == [BED]
    assert parts(replay_at="2026-11-21T14:00:00Z") == []
    with database.transaction() as tx:
        assert trust.in_doubt(tx, T0 + 5 * HOUR) == []
