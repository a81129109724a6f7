"""What the estimate service tells of an ensemble on a server."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from wince.bus.memory import MemoryBus
from wince.domain.scales import ICU
from wince.errors import ModelFileError
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
