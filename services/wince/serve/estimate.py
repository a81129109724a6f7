"""`wince serve estimate`: faces from the bus, scored, estimates back onto it. Replicas share the sources; the clips that members may see
are read again by a successor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from wince.clock import wall_us
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.models import lock
from wince.pipeline.estimate.beside import Beside, beside
from wince.pipeline.estimate.ensemble import EnsembleScorer
from wince.pipeline.estimate.interface import Scorer
from wince.pipeline.estimate.servicer import FAILED, READY, EstimateServicer, ModelInUse, registration
from wince.protocols.rules import ClinicalProtocol
from wince.runners.estimate import Estimating, media_clock
from wince.serve import golden, scoring
from wince.serve.ahead import stray
from wince.serve.service import Deps, Service
from wince.telemetry import metrics, process_metrics


def build(deps: Deps) -> Service:
    """The service."""
    settings, serving = deps.settings, deps.settings.serving
    if deps.replay_us is not None:  # media time is the clock: nothing is late, however long it takes
        serving = serving.model_copy(update={"budget_s": math.inf})
    every = deps.protocols.every
    readers = [scoring.reader(settings, protocol, serving) for protocol in every.values()]
    ensembles = [reader.scorer for reader in readers if isinstance(reader.scorer, EnsembleScorer)]
    for reader in readers:
        golden.check_reader(reader.scorer)
    alone = [beside(reader.protocol, reader.scorer) for reader in readers] if len(readers) > 1 and deps.replay_us is None else []
    if alone:  # in a replay nothing gets too old: there all wait
        readers = [replace(reader, scorer=scorer) for reader, scorer in zip(readers, alone, strict=True)]
    faulty: list[Beside | EnsembleScorer] = [*alone, *ensembles]
    if faulty:
        deps.stack.callback(metrics.ask_fault(lambda: next((scorer.fault for scorer in faulty if scorer.fault is not None), None)))
    for reader in readers:
        process_metrics.model(reader.protocol, reader.scorer.model_set, reader.rule)
    now_us = media_clock if deps.replay_us is not None else _wall

    def inventory() -> tuple[str, list[ModelInUse]]:
        names = dict.fromkeys(name for protocol in every.values() for name in protocol.estimate.models)
        models = [ModelInUse(name, lock.find(name).sha256) for name in names]
        own = [member for scorer in ensembles for member in scorer.members()]
        served = [ModelInUse(model.name, model.sha256, READY if model.ready else FAILED) for model in own]
        return readers[0].scorer.model_set, models + served

    def another(protocol: ClinicalProtocol) -> Callable[[], Scorer]:
        return lambda: scoring.scorer(protocol, settings.models_dir, serving)

    servicer = EstimateServicer(
        {name: another(protocol) for name, protocol in every.items()}, inventory, rules={name: one.rule for name, one in every.items()}
    )
    bound = stray(settings, deps.replay_us)
    return Service("estimate", [Estimating(deps.bus, readers, now_us, deps.windows("estimate"), bound)], [registration(servicer)])


def _wall(batch: Sequence[Face | Beat]) -> int:
    return wall_us()
