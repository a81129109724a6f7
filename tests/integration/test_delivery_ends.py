"""A delivery thread that ends for good ends its process, with `wince run` and as a service: nothing says SERVING and delivers nothing."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.record_world import FakeTarget, admit, stay, window
from wince import settings
from wince.bus.memory import MemoryBus
from wince.delivery.fhir.target import FhirTarget
from wince.delivery.interface import Answer
from wince.demo import play, scenario
from wince.errors import WinceError
from wince.parts import first_failed
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.serve import record
from wince.serve.service import Deps
from wince.serve.targets import every
from wince.store.database import Database


class Deadly(FakeTarget):
    """Its code ends the thread that calls it."""

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        raise SystemExit("an ill-behaved library")


def test_wince_run_ends(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    monkeypatch.setattr(FhirTarget, "deliver", Deadly.deliver)
    beds = scenario.Scenario(scenario.bundled().beds[:1])
    with pytest.raises(WinceError, match="Delivery"):
        play.play(settings.load(), beds, play.moment("2026-01-05T08:00:00Z"), lambda *_: None)


def test_the_record_service_ends(database: Database, state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`first_failed` of the parts is what health and the process ask."""
    monkeypatch.setenv("WINCE_STATE_DIR", str(state_dir / "state"))
    monkeypatch.setenv("WINCE_PG_DSN", database.dsn)
    target = Deadly(name="ehr")
    monkeypatch.setattr(every, "targets", lambda *_: [target])
    admit(database, stay())
    PostgresSink(database, {"activity": load("activity")}, [target]).commit([window(0, 1)])
    with ExitStack() as stack:
        service = record.build(Deps(settings.load(), stack, lambda _: MemoryBus()))
        for part in service.parts:
            part.start()
            stack.callback(part.stop)
        deadline = time.monotonic() + 60
        while (found := first_failed(service.parts)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert found[0] == "Delivery"
    assert isinstance(found[1], SystemExit)
