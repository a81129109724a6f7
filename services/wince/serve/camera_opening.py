"""Opens what a camera of the list is read from. Brings the decoders: only who reads cameras imports it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wince.clock import Clock
from wince.pipeline.capture.cameras import CameraPlan, OpenCamera
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.paced import PacedSource
from wince.pipeline.capture.push import PushSource
from wince.pipeline.capture.rtsp import StreamSource


def opener(rate_hz: float, *, clock: Clock = wall_us) -> OpenCamera:
    """Opens network cameras, pushed ones, and files, which play from now on. `rate_hz`: the default protocol's."""

    def opened(wanted: CameraPlan, owned: Callable[[], bool]) -> Source:
        spec = wanted.spec
        rate = spec.rate_hz or wanted.rate_hz or rate_hz
        if not spec.uri:
            return PushSource(spec.source, rate_hz=rate, clock=clock, owned=owned)
        if "://" in spec.uri:
            return StreamSource(
                spec.source,
                spec.uri,
                rate_hz=rate,
                transport=wanted.transport,
                login=wanted.login,
                trust=wanted.trust,
                rotation=spec.rotation,
                clock=clock,
                owned=owned,
            )
        path, turn = Path(spec.uri), spec.rotation
        return PacedSource(lambda at: open_source(path, spec.source, rate_hz=rate, origin_us=at, rotation=turn), clock=clock)

    return opened
