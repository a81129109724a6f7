"""What the packets of a file say of its time, read without decoding a picture.

A header may say anything of how long a file lasts; so may the index that it declares. Packets are what there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import av

from wince.domain.frame import US
from wince.pipeline.capture.media import MediaLimits, Video, open_video
from wince.pipeline.capture.stamps import Clock, Stamped


@dataclass(frozen=True, slots=True)
class Survey:
    """One file."""

    end_us: int
    """Media time at which its last picture is over, microseconds."""
    first_us: int | None
    """From here on its timestamps are not media time; None: they are throughout."""

    def followed(self, until_us: int) -> bool:
        """Whether timestamps are media time up to there."""
        return self.first_us is None or self.first_us > until_us + 2 * US


def survey(path: Path, limits: MediaLimits) -> Survey:
    """Reads the file once from its start to its end, or to `limits.max_duration_us`. Raises as `open_video`."""
    video = open_video(path, limits)
    clock: Clock[int] = Clock(video.rate, end_us=video.duration_us)
    end_us = 0
    try:
        for placed in clock.placed(_packets(video)):
            end_us = max(end_us, placed.time_us + (placed.item or clock.step_us or 0))
            if end_us > limits.max_duration_us:
                break
    finally:
        video.container.close()
    return Survey(min(end_us, limits.max_duration_us), clock.first_us)


def _packets(video: Video) -> Iterator[Stamped[int]]:
    """Each with how long it lasts. In order of decoding, so by the time of decoding, which rises where that of presentation doesn't."""
    start: int | None = None
    with suppress(av.error.FFmpegError, IndexError):
        for packet in video.container.demux(video.stream):
            if not packet.size:
                continue
            stamp = packet.pts if packet.dts is None else packet.dts
            if start is None and stamp is not None:
                start = stamp
            at = None if stamp is None or start is None else int((stamp - start) * video.tick * US)
            yield Stamped(at, int((packet.duration or 0) * video.tick * US))
