"""The stages as services, joined by gRPC and a bus in memory, give what the embedded road gives."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.face_models import fetched
from wince import codec
from wince.bus.memory import MemoryBus
from wince.demo import play, scenario
from wince.serve import process
from wince.serve.service import Deps
from wince.settings import Settings
from wince.store.database import Database
from wince.testing import hl7

AT = "2026-01-05T08:00:00Z"
SCORE_TOLERANCE = 0.15
"""On the scale 0-16: what the JPEG of the hop between capture and detect changes of a window's median."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """What one embedded run of the bundled clips left in its database."""
    from tests.conftest import reachable

    fetched()
    with reachable() as directory:
        loaded = Settings(state_dir=directory / "state", time_zone="UTC")
        found = []
        play.play(loaded, scenario.bundled(), play.moment(AT), lambda *_: None, admitted=lambda road: found.append(road.database.dsn))
        with play.Embedded(loaded, [], lambda _: play.moment(AT), lambda *_: None) as road:
            yield windows(road.database)


def windows(database: Database) -> dict:
    """Every window: id -> (what was found, scores); alerts by id."""
    with database.transaction() as tx:
        rows = tx.execute("SELECT body, stay IS NULL FROM assessment ORDER BY source, start_us").fetchall()
        alerts = tx.execute("SELECT id, assessment, source FROM alert").fetchall()
    found, scores = {}, {}
    for body, unbound in rows:
        one = codec.decode("wince.api.grade.v1.Assessment", bytes(body))
        found[one.id] = (one.source, one.start_us, one.end_us, one.grade, one.reason, one.frames, one.model_set, one.rule, unbound)
        scores[one.id] = [value for value in (one.median, one.peak) if value is not None]
    return {"windows": found, "alerts": set(alerts), "scores": scores}


@contextmanager
def services(dsn: str, state: Path, *names: str, **more: object) -> Iterator[dict[str, process.Running]]:
    """All of them in this process, each with what a process of its own would have. `more`: settings."""
    cameras = tuple(bed.camera for bed in scenario.bundled().beds)
    bus = MemoryBus(partitions=12)
    with ExitStack() as stack:
        stack.callback(bus.close)
        base = Settings(state_dir=state, pg_dsn=dsn, cameras=cameras, replay_at=AT, mllp_port=free_port(), time_zone="UTC", **more)
        running: dict[str, process.Running] = {}
        for name in names:
            loaded = base if name != "capture" else base.model_copy(update={"detect": f"127.0.0.1:{running['detect'].port}"})
            own = stack.enter_context(ExitStack())
            one = process.Running(process.build(name, Deps(loaded, own, lambda _: bus)), loaded)
            own.callback(one.stop)
            if name == "capture":
                admit(base.mllp_port)
            one.start()
            running[name] = one
        yield running


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def admit(port: int) -> None:
    """The patients of the bundled scenario, by ADT."""
    for number, bed in enumerate(scenario.bundled().beds):
        person = hl7.Person(bed.patient.mrn, bed.patient.family, bed.patient.given, bed.patient.birth_date.strftime("%Y%m%d"), "F")
        at_us = play.moment(AT)
        visit = f"V{at_us // play.GRID_US}-{number}"
        text = hl7.adt("A01", person, bed.camera.bed, visit, at_us - play.BEFORE_US, control_id=f"{visit}A01")
        assert hl7.code(hl7.send("127.0.0.1", port, text)) == "AA"


def until(what: Callable[[], bool], running: dict[str, process.Running], seconds: float = 120) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not what():
        for one in running.values():
            assert one.failed() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_services_give_what_embedded_gives(embedded, database, database_dsn, tmp_path):
    """Same ids, grades, reasons, alerts."""
    with services(database_dsn, tmp_path / "state", *process.SERVICES) as running:
        until(lambda: len(windows(database)["windows"]) >= len(embedded["windows"]), running)
    served = windows(database)
    assert served["windows"] == embedded["windows"]
    assert served["alerts"] == embedded["alerts"] != set()
    apart = [abs(a - b) for key, pair in embedded["scores"].items() for a, b in zip(pair, served["scores"][key], strict=True)]
    assert max(apart) < SCORE_TOLERANCE
    print(f"scores: {len(apart)} values, furthest apart {max(apart):.3f}, mean {sum(apart) / len(apart):.4f}")
