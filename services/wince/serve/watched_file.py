"""A file that others write while we look at it, once a second.

Editors, `cp` and `>` empty a file before they write it; others put a new file in its place; Kubernetes swaps a link. A look may fall
in the middle. So a change counts only when two looks in a row saw the same file, and only while it is still that file when it has been
read. A `stat` a second works on every file system; inotify doesn't see what another host writes on NFS, nor reliably a swapped link.
"""

from __future__ import annotations

import os
from collections.abc import Callable

Mark = tuple[int, ...] | None
"""Changes with the file, however it is written; None: there is no file."""


class WatchedFile:
    """What became of a file since it was last read. One look after the other; not thread-safe."""

    def __init__(self, path: Callable[[], str | None]) -> None:
        """`path`: asked at each look; None: there is no file to look at."""
        self._path = path
        self._read: Mark = None
        self._last: Mark = None

    def begin(self) -> None:
        """It is read now, for the first time."""
        self._read = self._last = self._look()

    def settled(self) -> bool:
        """One look: whether the file is another one than was read last, and has stood since the look before."""
        mark, before = self._look(), self._last
        self._last = mark
        return mark == before and mark != self._read

    def taken(self) -> bool:
        """It has just been read: whether it is still what the last look saw. If not, what was read is to be forgotten."""
        if self._look() != self._last:
            return False
        self._read = self._last
        return True

    def _look(self) -> Mark:
        path = self._path()
        if not path:
            return None
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev
