"""`wince serve estimate`: faces from the bus, scored, estimates back onto it. Replicas share the sources; the clips that members may see
are read again by a successor."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wince.clock import wall_us
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.models import lock
from wince.pipeline.estimate.ensemble import EnsembleScorer
from wince.pipeline.estimate.servicer import FAILED, READY, EstimateServicer, ModelInUse, registration
from wince.runners.estimate import Estimating, media_clock
from wince.serve import scoring
from wince.serve.service import Deps, Service
from wince.telemetry import metrics


def build(deps: Deps) -> Service:
    """The service."""
    protocol = deps.protocol
    folder, serving = deps.settings.models_dir, deps.settings.serving
    if deps.replay_us is not None:  # media time is the clock: nothing is late, however long it takes
        serving = serving.model_copy(update={"budget_s": math.inf})
    scorer = scoring.scorer(protocol, folder, serving)
    if isinstance(scorer, EnsembleScorer):
        ensemble = scorer
        deps.stack.callback(metrics.ask_fault(lambda: ensemble.fault))
    now_us = media_clock if deps.replay_us is not None else _wall

    def inventory() -> tuple[str, list[ModelInUse]]:
        own = scorer.members() if isinstance(scorer, EnsembleScorer) else ()
        models = [ModelInUse(name, lock.find(name).sha256) for name in protocol.estimate.models]
        return scorer.model_set, models + [ModelInUse(one.name, one.sha256, READY if one.ready else FAILED) for one in own]

    servicer = EstimateServicer({protocol.name: lambda: scoring.scorer(protocol, folder, serving)}, inventory)
    parts = [Estimating(deps.bus, scorer, round(protocol.estimate.max_age_s * 1e6), now_us, deps.windows("estimate"))]
    return Service("estimate", parts, [registration(servicer)])


def _wall(batch: Sequence[Face | Beat]) -> int:
    return wall_us()
