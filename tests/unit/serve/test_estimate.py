"""What the estimate service tells of an ensemble on a server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.unit.pipeline.estimate.test_clips import face
from tests.unit.pipeline.estimate.test_stage import Numbers
from tests.unit.serve.test_protocols import own, settings
from wince import codec
from wince.bus.interface import Record
from wince.bus.memory import MemoryBus
from wince.bus.topics import ESTIMATES, FACES
from wince.clock import wall_us
from wince.domain.estimate import Estimate
from wince.domain.reason import Reason
from wince.domain.scales import ICU
from wince.errors import ModelFileError, Unavailable
from wince.pipeline.estimate import beside
from wince.pipeline.estimate.ensemble import EnsembleScorer
from wince.serve import process, scoring
from wince.serve.service import Deps
from wince.settings import Settings
from wince.telemetry import metrics


def test_a_fault_of_the_served_ensemble_is_on_the_metrics_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when the page is asked for, until the service ends."""
    members = SimpleNamespace(fault=None)
    scorer = EnsembleScorer(members, SimpleNamespace(), ICU, [band.name for band in ICU.grades], "x")
    monkeypatch.setattr(scoring, "scorer", lambda *_: scorer)

    def told() -> float | None:
        return metrics.REGISTRY.get_sample_value("wince_models_fault")

    with ExitStack() as stack:
        process.build("estimate", Deps(Settings(), stack, lambda _: MemoryBus()))
        assert told() == 0
        members.fault = ModelFileError("members are other files")
        assert told() == 1
    assert told() == 0


class Away(Numbers):
    """A server that answers nobody."""

    def score(self, _faces):
        raise Unavailable("the models' server does not answer")


def test_a_scorer_that_is_away_holds_up_no_other_protocol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A models' server of a protocol that only looks on must not keep the one that grades from its faces."""
    own(tmp_path, "other")
    monkeypatch.setattr(beside, "PATIENCE_S", 0.2)
    monkeypatch.setattr(scoring, "scorer", lambda protocol, *_: Away() if protocol.name == "other" else Numbers())
    rules = settings(tmp_path, {"protocol": "activity"}, {"protocol": "other", "role": "shadow"})
    found: list[Estimate] = []

    def read(records: Sequence[Record]) -> None:
        found.extend(codec.decode(one.headers["schema"].decode(), one.value) for one in records)  # type: ignore[misc]

    with ExitStack() as stack:
        deps = Deps(rules, stack, lambda _: MemoryBus())
        (part,) = process.build("estimate", deps).parts
        reading = deps.bus.consume([ESTIMATES], "t", read)
        stack.callback(reading.stop)
        part.start()
        stack.callback(part.stop)
        schema, value = codec.encode(replace(face(wall_us()), protocols=("activity", "other")))
        deps.bus.publish(FACES, "cam", value, {"schema": schema.encode()}).result(timeout=60)
        deadline = time.monotonic() + 60
        while len(found) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert {one.protocol: one.reason for one in found} == {"activity": None, "other": Reason.GAP}
        assert metrics.REGISTRY.get_sample_value("wince_models_fault") == 1
