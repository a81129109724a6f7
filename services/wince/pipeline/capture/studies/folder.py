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
Describe = Callable[[Spool], tuple[str, str, str, str]]


class WatchFolder:
    """`look` is one pass; call it every second or so from one thread."""

    def __init__(
        self, folder: Path, keeper: Keeper, room: Room, describe: Describe, stable_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._keeper, self._room, self._describe = folder, keeper, room, describe
        self._stable_s, self._monotonic = stable_s, monotonic
        self._seen: dict[str, tuple[tuple[int, int, int], float]] = {}

    def look(self) -> int:
        """Take what is still; how many were kept. Raises StoreError, Unavailable, ResourceError: nothing is lost by that."""
        try:
            return self._look()
        except OSError as error:
            what = error.strerror or "can't be read"
            raise ResourceError(what, field="dicom_watch_folder", remedy="make it, for the account of Wince") from None

    def _look(self) -> int:
        count, seen = 0, {}
        for entry in sorted(os.scandir(self._folder), key=lambda one: one.name)[: 10 * AT_ONCE]:
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                continue
            stamp = _stamp(entry.stat(follow_symlinks=False))
            before, since = self._seen.get(entry.name, (None, 0.0))
            seen[entry.name] = (stamp, since if before == stamp else self._monotonic())
        self._seen = seen
        still = [name for name, (_, since) in seen.items() if self._monotonic() - since >= self._stable_s]
        for name in still[:AT_ONCE]:
            status = self._take(self._folder / name, seen[name][0])
            if status is None or status in (Status.OUT_OF_RESOURCES, Status.NOT_KEPT_NOW):
                continue  # it changed, or there is no room: again later
            if status in (Status.SUCCESS, Status.WARNING_CLASS):
                count += 1
                (self._folder / name).unlink(missing_ok=True)
            else:
                self._refuse(self._folder / name, status)
        return count

    def _take(self, path: Path, stamp: tuple[int, int, int]) -> Status | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            log.warning("a file of the watched folder can't be read", file=path.name, error=error)
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

    def _refuse(self, path: Path, status: Status) -> None:
        log.error("a file of the watched folder is refused", file=path.name, status=f"{status:#06x}")
        aside = self._folder / REFUSED
        aside.mkdir(mode=0o700, exist_ok=True)
        with suppress(FileNotFoundError):
            os.replace(path, aside / path.name)


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino
