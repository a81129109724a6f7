"""A folder into which others put objects: a file that has been still for long enough is copied in, kept, and deleted there.

Nothing is deleted before it is kept; what can't be taken goes into the folder `refused`, so that it isn't tried again and again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from wince.dicom.scp.interface import Keeper, Received
from wince.dicom.scp.tables import Status
from wince.dicom.spool import NoRoomError, Room, Spool
from wince.errors import MessageError, ResourceError
from wince.telemetry import logs

log = logs.get(__name__)

REFUSED = "refused"
PIECE = 1 << 20
AT_ONCE = 100
"""Files of one pass."""
AGAIN_S = 60.0
"""How long until a file that could not be read, or moved away, is tried again."""
Stamp = tuple[int, int, int]
Describe = Callable[[Spool], tuple[str, str, str, str]]


class WatchFolder:
    """`look` is one pass; call it every second or so from one thread."""

    def __init__(
        self, folder: Path, keeper: Keeper, room: Room, describe: Describe, stable_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._keeper, self._room, self._describe = folder, keeper, room, describe
        self._stable_s, self._monotonic = stable_s, monotonic
        self._seen: dict[str, tuple[Stamp, float]] = {}
        self._left: dict[str, tuple[Stamp, float]] = {}
        """Files that could not be taken or moved away, as they were, and when they are tried again."""

    def look(self) -> int:
        """Take what is still; how many were kept. Raises StoreError, Unavailable, ResourceError: nothing is lost by that."""
        try:
            return self._look()
        except OSError as error:
            what = error.strerror or "can't be read"
            raise ResourceError(what, field="dicom_watch_folder", remedy="make it, for the account of Wince") from None

    def _look(self) -> int:
        count = tried = 0
        for name, stamp in self._still():
            if tried == AT_ONCE:
                break
            if self._waits(name, stamp):
                continue
            tried += 1
            status = self._take(self._folder / name, stamp)
            if status is None or status in (Status.OUT_OF_RESOURCES, Status.NOT_KEPT_NOW):
                continue  # it changed, or there is no room: again later
            kept = status in (Status.SUCCESS, Status.WARNING_CLASS)
            count += kept
            try:
                self._done(name, stamp, None if kept else status)
            except OSError as error:
                log.error("a file of the watched folder can't be moved away", file=name, error=error)
                self._leave(name, stamp)
        return count

    def _still(self) -> list[tuple[str, Stamp]]:
        """Files that have not changed for long enough, by name."""
        seen: dict[str, tuple[Stamp, float]] = {}
        now = self._monotonic()
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                        stamp = _stamp(entry.stat(follow_symlinks=False))
                        before, since = self._seen.get(entry.name, (None, 0.0))
                        seen[entry.name] = (stamp, since if before == stamp else now)
        self._seen = seen
        self._left = {name: one for name, one in self._left.items() if name in seen}
        return sorted((name, stamp) for name, (stamp, since) in seen.items() if now - since >= self._stable_s)

    def _waits(self, name: str, stamp: Stamp) -> bool:
        before, again = self._left.get(name, (None, 0.0))
        return before == stamp and self._monotonic() < again

    def _leave(self, name: str, stamp: Stamp) -> None:
        """Not again at once: it would take the place of those behind it."""
        self._left[name] = (stamp, self._monotonic() + AGAIN_S)

    def _take(self, path: Path, stamp: Stamp) -> Status | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            log.warning("a file of the watched folder can't be read", file=path.name, error=error)
            self._leave(path.name, stamp)
            return None
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or _stamp(found) != stamp:
                return None
            if found.st_size > self._room.object_bytes:
                return Status.NO_MATCH  # it will never be small enough
            try:
                spool = Spool(self._room)
            except NoRoomError:
                return Status.OUT_OF_RESOURCES
            try:
                while piece := stream.read(PIECE):
                    spool.write(memoryview(piece))
                spool.keep()
                if _stamp(os.fstat(descriptor)) != stamp:
                    return None
                sop_class, instance, syntax, _ = self._describe(spool)
                return self._keeper.keep(Received(spool.path, sop_class, instance, syntax, "folder", spool.bytes))
            except NoRoomError:
                return Status.OUT_OF_RESOURCES
            except MessageError:
                return Status.NOT_UNDERSTOOD
            finally:
                spool.discard()

    def _done(self, name: str, stamp: Stamp, refused: Status | None) -> None:
        """Away with a file that was kept, or that can't be; with that file alone, not with one that has its name since. Raises OSError."""
        with suppress(FileNotFoundError):
            if _stamp(os.lstat(self._folder / name)) != stamp:
                return
            if refused is None:
                (self._folder / name).unlink()
                return
            log.error("a file of the watched folder is refused", file=name, status=f"{refused:#06x}")
            aside = self._folder / REFUSED
            aside.mkdir(mode=0o700, exist_ok=True)
            inside = os.open(aside, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)  # no link to elsewhere
            try:
                os.replace(self._folder / name, _free(inside, name), dst_dir_fd=inside)
            finally:
                os.close(inside)


def _free(folder: int, name: str) -> str:
    """The name, or one like it where a file of that name was refused before."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return name
    return f"{name[:200]}.{time.time_ns()}"


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_size, found.st_mtime_ns, found.st_ino
