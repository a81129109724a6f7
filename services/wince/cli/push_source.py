"""Where `wince push` takes its pictures from: a file in its own time, or a network camera."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from wince.cli import usage
from wince.domain.frame import Beat, Frame
from wince.pipeline.capture.address import Login
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.paced import PacedSource
from wince.pipeline.capture.picture import TURNS
from wince.pipeline.capture.rtsp import StreamSource
from wince.pipeline.capture.trust import Trust


def source(
    path: str,
    camera: str,
    *,
    rate_hz: float,
    rotation: int = 0,
    loop: bool = False,
    login_file: Path | None = None,
    transport: Literal["tcp", "udp"] = "tcp",
    trust: Trust | None = None,
) -> Iterator[Frame | Beat]:
    """Frames of a file, in their own time from now on, or of a network camera. Raises UsageError, MediaError, ResourceError."""
    if not 0 < rate_hz <= 30:
        raise usage.UsageError("must be above 0 and at most 30", field="--rate", remedy="5 is usual")
    if rotation not in TURNS:
        raise usage.UsageError("must be 0, 90, 180 or 270", field="--rotation", remedy="degrees clockwise that turn the picture upright")
    if "://" in path:
        login = Login(login_file)
        stream = StreamSource(camera, path, rate_hz=rate_hz, rotation=rotation, transport=transport, login=login, trust=trust)
        return iter(stream)
    first = PacedSource(lambda at: open_source(Path(path), camera, rate_hz=rate_hz, origin_us=at, rotation=rotation))
    return _again(first, lambda: source(path, camera, rate_hz=rate_hz, rotation=rotation)) if loop else iter(first)


def _again(first: Iterable[Frame | Beat], begin: Callable[[], Iterator[Frame | Beat]]) -> Iterator[Frame | Beat]:
    number = itertools.count()
    playing: Iterable[Frame | Beat] = first
    while True:
        for message in playing:
            yield replace(message, sequence=next(number)) if isinstance(message, Frame) else message
        playing = begin()
