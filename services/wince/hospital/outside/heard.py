"""The hospital's last word, in memory until somebody writes it down: a message costs no write of its own."""

from __future__ import annotations

import threading


class Heard:
    """The newest that the hospital said. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest_us: int | None = None

    def note(self, known_us: int, now_us: int) -> None:
        """A message was taken, of what the hospital knew at `known_us`: a backlog is believed up to where it was delivered. A sender's
        clock that is ahead counts as now. Microseconds UTC."""
        at_us = min(known_us, now_us)
        with self._lock:
            self._newest_us = at_us if self._newest_us is None else max(self._newest_us, at_us)

    @property
    def newest_us(self) -> int | None:
        """None: nothing was heard since the start."""
        with self._lock:
            return self._newest_us
