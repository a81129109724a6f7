"""`wince serve estimate`: faces from the bus, scored, estimates back onto it. Stateless: replicas share the sources."""

from __future__ import annotations

from collections.abc import Sequence

from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.runtime import chain
from wince.runtime.estimating import Estimating, media_clock
from wince.runtime.services.service import Deps, Service, wall_us


def build(deps: Deps) -> Service:
    """The service."""
    protocol = deps.protocol
    scorer = chain.scorer(protocol, deps.settings.models_dir)
    now_us = media_clock if deps.replay_us is not None else _wall
    return Service("estimate", [Estimating(deps.bus, scorer, round(protocol.estimate.max_age_s * 1e6), now_us)])


def _wall(batch: Sequence[Face | Beat]) -> int:
    return wall_us()
