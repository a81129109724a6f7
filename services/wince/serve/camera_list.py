"""The camera list of the settings: as plans for capture, as beds in the database, and read again while everything runs.

The file named by WINCE_CONFIG is looked at every second, and on SIGHUP. A list that is wrong changes nothing and is told in the log.
A camera whose `bed`, `region` or `rotation` changed watches the new bed from `since` on, or from the moment when the change was seen;
what it saw before stays with the bed before. A list given by the environment (WINCE_CAMERAS) can't change while the process runs.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wince.domain.binding import bed_of
from wince.domain.camera import CameraSpec
from wince.domain.stay import Watch
from wince.errors import ConfigError, WinceError
from wince.parts import WatchedThread
from wince.pipeline.capture.address import Login
from wince.pipeline.capture.cameras import CameraPlan, Cameras, OpenCamera
from wince.pipeline.capture.clock import wall_us
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.live import Clock
from wince.pipeline.capture.paced import PacedSource
from wince.pipeline.capture.push import PushSource
from wince.pipeline.capture.rtsp import StreamSource
from wince.settings import Camera, load
from wince.store import stays
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S = 1.0
LOCK = 7216
"""Advisory lock: replicas that see a change at once write it once."""


def plan(camera: Camera) -> CameraPlan:
    """How a camera of the list is read."""
    uri = camera.url or ("" if camera.push else str(camera.clip))
    spec = CameraSpec(camera.id, uri, rotation=camera.rotation, region=camera.region)
    return CameraPlan(spec, camera.transport, Login(camera.login_file, camera.login_env), camera.trust)


def opener(rate_hz: float, *, clock: Clock = wall_us) -> OpenCamera:
    """Opens network cameras, pushed ones, and files, which play from now on. `rate_hz`: the protocol's."""

    def opened(wanted: CameraPlan, owned: Callable[[], bool]) -> Source:
        spec = wanted.spec
        rate = spec.rate_hz or rate_hz
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


def bind(database: Database, cameras: Sequence[Camera], now_us: int) -> list[Watch]:
    """Write which camera watches which bed, where that differs from what is known; the rows that are new.

    The relay (wince.store.telling) tells grade. Cameras that left the list keep their rows: they give nothing any more.
    """
    with database.transaction() as tx:
        tx.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
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


class CameraList:
    """Keeps capture's cameras and the beds in the database as the settings say. `look` is one round; `start` does it every second."""

    def __init__(
        self, cameras: Cameras, database: Database, *, read: Callable[[], Sequence[Camera]] | None = None, clock: Clock = wall_us
    ) -> None:
        """read: the list as it is now (default: the settings'); it may raise ConfigError."""
        self._cameras, self._database, self._clock = cameras, database, clock
        self._read = read or (lambda: load().cameras)
        self._seen: object = None
        self._known: tuple[Camera, ...] | None = None
        self._again = True
        self._stopped, self._wake = threading.Event(), threading.Event()
        self._thread = WatchedThread("camera-list", self._run, self._stopped)
        self.refused = 0
        """How often the file was wrong when it was looked at."""

    def start(self) -> None:
        """Read the list for the first time, then watch it; on the main thread, SIGHUP has it read again. Raises ConfigError where it is
        wrong, Unavailable and others of the database."""
        self._apply(self._read())
        self._seen, self._again = _mark(), False
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
        """One round: read the list if the file changed. What is wrong with it is logged, once for each change."""
        mark = _mark()
        if not self._again and mark == self._seen:
            return
        self._again, self._seen = False, mark
        try:
            self._apply(self._read())
        except ConfigError as error:
            self.refused += 1
            log.error("the camera list is wrong; the one before goes on", error=error, field=error.field)
        except WinceError as error:
            self._again = True
            log.warning("the camera list can't be applied yet", error=error)

    def _apply(self, cameras: Sequence[Camera]) -> None:
        if tuple(cameras) == self._known:
            return
        bind(self._database, cameras, self._clock())
        self._cameras.set_list([plan(camera) for camera in cameras])
        self._known = tuple(cameras)
        log.info("camera list read", cameras=len(cameras))

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait(LOOK_S)
            self._wake.clear()
            self.look()


def _mark() -> object:
    """Changes with the file; None: there is none."""
    try:
        found = os.stat(os.environ.get("WINCE_CONFIG") or "/dev/null/none")
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
    except OSError:
        return None
