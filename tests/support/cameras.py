"""Watches a live source on a thread and waits for what comes of it."""

import itertools
import threading
import time
from collections.abc import Callable

from wince.domain.frame import Beat, Frame
from wince.pipeline.capture.live import LiveSource

WAIT_S = 60.0
"""Long enough for a machine that does much else."""


class Watched:
    """`with Watched(source) as seen:` collects messages; pixels are let go but of the last frame."""

    def __init__(self, source: LiveSource) -> None:
        self.source = source
        self.beats: list[Beat] = []
        self.times: list[int] = []
        self.sequences: list[int] = []
        self.last: Frame | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        for message in self.source:
            if isinstance(message, Frame):
                self.last = message
                self.times.append(message.time_us)
                self.sequences.append(message.sequence)
            else:
                self.beats.append(message)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()
        self._thread.join(WAIT_S)

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, f"waited {WAIT_S} s for {what or condition}: {self.source.counters}"
            time.sleep(0.02)

    def check(self) -> None:
        """What holds of every live source, whatever it went through."""
        assert all(after > before for before, after in itertools.pairwise(self.times)), "times rise"
        assert all(after > before for before, after in itertools.pairwise(self.sequences)), "sequences rise"
        seconds = [beat.time_us for beat in self.beats if not beat.ended]
        assert all(after - before == 1_000_000 for before, after in itertools.pairwise(seconds)), "one beat a second"
        assert sum(beat.frames for beat in self.beats) <= len(self.times)
