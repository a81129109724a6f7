"""What is made of files, and made again once they change: a renewed certificate or token needs no restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

from wince.errors import WinceError

AGAIN_S = 5.0
"""How often at most it is looked whether a file has changed."""
Made = TypeVar("Made")


class Renewed(Generic[Made]):
    """Thread-safe. While the files can't be used, such as halfway through a change, what was made last stays."""

    def __init__(self, files: Iterable[Path | None], make: Callable[[], Made], failed: Callable[[Exception], None]) -> None:
        """`make` is called at once, too, and may raise WinceError or OSError. `failed`: told why it can't be made again."""
        self._files = [path for path in files if path is not None]
        self._make, self._failed = make, failed
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._stamps = self._stamp()
        self._made = make()

    def now(self) -> Made:
        """As the files are now, or were at most AGAIN_S ago."""
        with self._lock:
            if self._files and time.monotonic() - self._looked >= AGAIN_S:
                self._looked = time.monotonic()
                try:
                    if (stamps := self._stamp()) != self._stamps:
                        self._made, self._stamps = self._make(), stamps
                except (WinceError, OSError) as error:
                    self._failed(error)
            return self._made

    def _stamp(self) -> list[tuple[int, int, int] | None]:
        """Of each file; None: it is not there."""
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
