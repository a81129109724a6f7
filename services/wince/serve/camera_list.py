"""The camera list of the settings: as plans for capture, as beds in the database, and read again while everything runs.

The file named by WINCE_CONFIG is looked at every second; a change counts when the file has stood for a second (`watched_file.py`), or at
once on SIGHUP. A list that is wrong, or a file that is empty or gone, changes nothing and is told once, in the log and as a metric: to end
every camera, a file must say `cameras = []`.
A camera whose `bed`, `region` or `rotation` changed watches the new bed from `since` on, or from the moment when the change was seen;
what it saw before stays with the bed before. A list given by the environment (WINCE_CAMERAS) can't change while the process runs.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from wince.clock import Clock
from wince.domain.binding import bed_of
from wince.domain.camera import CameraSpec
from wince.domain.stay import Watch
from wince.errors import ConfigError, WinceError
from wince.parts import WatchedThread
from wince.pipeline.capture.address import Login
from wince.pipeline.capture.cameras import CameraPlan, Cameras
from wince.pipeline.capture.clock import wall_us
from wince.protocols.rules import ClinicalProtocol
from wince.serve.watched_file import WatchedFile
from wince.settings import Camera
from wince.store import locks, stays
from wince.store.database import Database
from wince.store.locks import Lock
from wince.telemetry import logs, metrics

log = logs.get(__name__)

LOOK_S = 1.0


OfBed = Callable[[str], Sequence[ClinicalProtocol]]
"""Protocols that may have to look at a bed; empty: the default. Raises ConfigError where they don't go together."""


def plan(camera: Camera, of_bed: OfBed = lambda _bed: ()) -> CameraPlan:
    """How a camera of the list is read, and for which protocols. Raises ConfigError where those of its bed don't go together."""
    looking = of_bed(camera.bed)
    uri = camera.url or ("" if camera.push else str(camera.clip))
    spec = CameraSpec(camera.id, uri, rotation=camera.rotation, region=camera.region)
    login = Login(camera.login_file, camera.login_env)
    names, rate_hz = tuple(one.name for one in looking), looking[0].detect.rate_hz if looking else 0.0
    return CameraPlan(spec, camera.transport, login, camera.trust, names, rate_hz)


def bind(database: Database, cameras: Sequence[Camera], now_us: int) -> list[Watch]:
    """Write which camera watches which bed, where that differs from what is known; the rows that are new.

    The relay (wince.store.telling) tells grade. Cameras that left the list keep their rows: they give nothing any more.
    """
    with database.transaction() as tx:
        locks.take(tx, Lock.CAMERAS)
        known = stays.watches(tx, [camera.id for camera in cameras])
        new = [row for camera in cameras if (row := _moved(known, camera, now_us)) is not None]
        stays.add_watches(tx, new)
    for row in new:
        log.info("camera watches a bed", source=row.source, bed=row.bed, start_us=row.start_us)
    return new


def _moved(known: Sequence[Watch], camera: Camera, now_us: int) -> Watch | None:
    mine = [row for row in known if row.source == camera.id]
    recorded_us = max([now_us, *(row.recorded_us + 1 for row in mine)])
    start_us = now_us if camera.since is None else round(camera.since.timestamp() * 1_000_000)
    wanted = Watch(camera.id, camera.bed, start_us, None, recorded_us, camera.region, camera.rotation)
    current = bed_of(mine, camera.id, max(start_us, now_us), recorded_us)
    if current is None:
        return wanted
    same = replace(current, start_us=start_us, recorded_us=recorded_us) == wanted
    return None if same and (camera.since is None or current.start_us == start_us) else wanted


Read = Callable[[], "Sequence[Camera] | None"]
"""The list as the settings say it now; None where they say nothing of cameras. May raise anything that reading a file may."""


class CameraList:
    """Keeps capture's cameras and the beds in the database as the settings say. `look` is one round; `start` does it every second."""

    name = "camera-list"

    def __init__(
        self, cameras: Cameras, database: Database, *, read: Read, clock: Clock = wall_us, of_bed: OfBed = lambda _bed: ()
    ) -> None:
        self._of_bed = of_bed
        self._cameras, self._database, self._read, self._clock = cameras, database, read, clock
        self._file = WatchedFile(lambda: os.environ.get("WINCE_CONFIG"))
        self._known: tuple[Camera, ...] = ()
        """What holds."""
        self._wanted: tuple[Camera, ...] | None = None
        """What was read and doesn't hold yet."""
        self._again, self._late = False, False
        self._stopped, self._wake = threading.Event(), threading.Event()
        self._thread = WatchedThread(self.name, self._run, self._stopped)

    def start(self) -> None:
        """Read the list for the first time, then watch it; on the main thread, SIGHUP has it read again. Raises ConfigError where it is
        wrong, Unavailable and others of the database."""
        self._file.begin()
        self._apply(tuple(self._read() or ()))
        metrics.camera_list(wrong=False)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGHUP, lambda *_: self.reload())
        self._thread.start()

    def stop(self) -> None:
        """No more looking. Idempotent."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def failed(self) -> BaseException | None:
        """What ended the looking for good."""
        return self._thread.failed()

    def reload(self) -> None:
        """Look at once, whether or not the file seems changed (SIGHUP). Does not wait."""
        self._again = True
        self._wake.set()

    def look(self) -> None:
        """One round: read the list if the file changed and stands still. What is wrong with it is told once for each change."""
        settled = self._file.settled()
        if settled or self._again:
            self._again = False
            self._take()
        if self._wanted is not None:
            self._try()

    def _take(self) -> None:
        """Read the list. Whatever that raises, the list before goes on."""
        try:
            said = self._read()
            if said is None and self._known:
                raise ConfigError("names no camera", field="cameras", remedy="to end all of them, write `cameras = []`")
        except Exception as error:  # not ConfigError alone: a parser may fail in its own way
            if self._file.taken():
                self._refuse(error)
            return
        if self._file.taken():
            self._wanted = tuple(said or ())
            metrics.camera_list(wrong=False)

    def _try(self) -> None:
        """Make what was read hold; what the database does is tried again with the next look."""
        assert self._wanted is not None
        try:
            self._apply(self._wanted)
        except ConfigError as error:
            self._refuse(error)
        except WinceError as error:
            if not self._late:
                self._late = True
                log.warning("the camera list can't be applied yet", error=error)
            return
        self._wanted, self._late = None, False

    def _apply(self, cameras: tuple[Camera, ...]) -> None:
        if cameras == self._known:
            return
        plans = [plan(camera, self._of_bed) for camera in cameras]
        bind(self._database, cameras, self._clock())
        self._cameras.set_list(plans)
        self._known = cameras
        log.info("camera list read", cameras=len(cameras))

    def _refuse(self, error: Exception) -> None:
        metrics.camera_list(wrong=True)
        log.error("the camera list is wrong; the last good one stays", error=error)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(LOOK_S)
            self._wake.clear()
            self.look()
