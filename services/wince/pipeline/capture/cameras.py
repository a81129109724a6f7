"""The cameras of one capture replica: which are wanted, which it owns, and one source and one runner for each of those
(ports `CameraControl` and `FrameSink`).

Every second (`tick`): leases are renewed; what is no longer owned ends at once; what is wanted and free is taken, a few at a time, so
that replicas that start together share; what died is started again. The list may be set again at any time; only cameras whose plan
changed notice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from wince.domain.camera import CameraActivity, CameraSpec, CameraState, CameraStatus
from wince.domain.reason import Reason
from wince.errors import ConfigError, PeerError, WinceError
from wince.parts import WatchedThread
from wince.pipeline.capture import address
from wince.pipeline.capture.activity import ActivityMeter
from wince.pipeline.capture.interface import CameraExists, CameraTaken, Push, Source, UnknownCamera
from wince.pipeline.capture.live import Counters, LiveSource
from wince.pipeline.capture.push import PushSource
from wince.pipeline.capture.spec import check, words
from wince.pipeline.capture.trust import Trust
from wince.telemetry import logs

log = logs.get(__name__)

TICK_S = 1.0
TAKE = 8
"""Cameras taken at most in one tick."""
RETRY_S = 5.0
"""A runner that died is started again after this."""
END_S = 5.0
"""How long runners may take to end."""


@dataclass(frozen=True, slots=True)
class CameraPlan:
    """A camera of the list: the spec that may be shown, and what else is needed to read it."""

    spec: CameraSpec
    transport: Literal["tcp", "udp"] = "tcp"
    login: address.Login = field(default_factory=address.Login)
    trust: Trust = field(default_factory=Trust)
    protocols: tuple[str, ...] = ()
    """Protocols that may look at its bed; empty: the default."""
    rate_hz: float = 0.0
    """Frames a second that these look at; 0: the default's."""


class Running(Protocol):
    """What takes a source's messages, on a thread of its own; it closes the source when it ends."""

    error: BaseException | None

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End after the message in hand; does not wait."""
        ...

    def is_alive(self) -> bool:
        """Whether it still runs."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...


class Leases(Protocol):
    """Who owns which camera (wince.store.camera_leases). May raise WinceError where the database fails, but for `owns`."""

    def acquire(self, source: str) -> object | None:
        """Own the camera; None: another does."""
        ...

    def renew(self) -> list[str]:
        """Keep what is owned; what was lost."""
        ...

    def release(self, sources: Iterable[str]) -> None:
        """Give back."""
        ...

    def owns(self, source: str) -> bool:
        """Now, without asking the database."""
        ...


OpenCamera = Callable[[CameraPlan, Callable[[], bool]], Source]
"""open(plan, owned): a source that gives nothing more once `owned()` is False."""
RunCamera = Callable[[Source, CameraPlan], Running]
"""Makes the runner of a source, not started."""


@dataclass(slots=True)
class _Camera:
    plan: CameraPlan
    listed: bool
    stopped: bool = False
    source: Source | None = None
    meter: ActivityMeter | None = None
    runner: Running | None = None
    over: bool = False
    withheld: Reason | None = None
    """Why it is not looked at."""
    retry_s: float = 0.0
    trouble: str = ""
    """Why it can't be read at all; empty where it can."""


class Cameras:
    """See the module. Thread-safe. `start_all` runs the ticks on a thread of its own; `drain` ends everything."""

    def __init__(
        self,
        open_camera: OpenCamera,
        run: RunCamera,
        leases: Leases,
        *,
        why_not: Callable[[CameraPlan], Reason | None] = lambda _plan: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`why_not`: why a camera must not be looked at now; then it is not opened, and its beats carry the reason. Does not block."""
        self._open, self._run, self._leases, self._why_not, self._steady = open_camera, run, leases, why_not, steady
        self._cameras: dict[str, _Camera] = {}
        self._work = threading.RLock()
        """Held while cameras are started and stopped, and while the database is asked."""
        self._ended = threading.Event()
        self._wake = threading.Event()
        self._thread = WatchedThread("cameras", self._ticks, self._ended)
        self._kept: dict[str, Counters] = {}

    # The list

    def set_list(self, plans: Sequence[CameraPlan]) -> None:
        """The cameras that are wanted from now on. One that left the list ends, one whose plan changed begins again; one that was
        started by `start` stays. Raises ConfigError for a plan that can't be read; then nothing changes."""
        for plan in plans:
            check(plan.spec)
        wanted = {plan.spec.source: plan for plan in plans}
        with self._work:
            changed = [camera for source, camera in self._cameras.items() if camera.listed and wanted.get(source) != camera.plan]
            gone = [camera for camera in changed if camera.plan.spec.source not in wanted]
            self._end([camera for camera in changed if camera not in gone], finish=False)
            self._end(gone, finish=True)
            for camera in changed:
                del self._cameras[camera.plan.spec.source]
            self._give_back(*(camera.plan.spec.source for camera in gone))
            for source, plan in wanted.items():
                self._cameras.setdefault(source, _Camera(plan, True)).listed = True
        self._wake.set()

    # CameraControl

    def start(self, spec: CameraSpec) -> CameraStatus:
        """See CameraControl.start."""
        check(spec)
        with self._work:
            camera = self._cameras.get(spec.source)
            if camera is not None and not camera.stopped and camera.plan.spec != spec:
                raise CameraExists("runs with other settings", field="source", remedy="stop it first, or change the camera list")
            if camera is None or camera.plan.spec != spec:
                camera = self._cameras[spec.source] = _Camera(CameraPlan(spec), False)
            camera.stopped = camera.over = False
            if camera.runner is None and not self._begin(camera):
                if not camera.listed:
                    del self._cameras[spec.source]
                raise _elsewhere()
            return self._status(camera)

    def stop(self, source: str) -> CameraStatus:
        """See CameraControl.stop. Its lease is kept, so that no other replica reads what somebody stopped; a replica that takes over
        when this one dies starts what is on the list."""
        with self._work:
            camera = self._cameras.get(source)
            if camera is None:
                raise UnknownCamera("no such camera here", field="source", remedy="list the cameras; another replica may own it")
            camera.stopped = True
            self._end([camera], finish=True)
            return self._status(camera)

    def cameras(self) -> list[CameraStatus]:
        """See CameraControl.cameras."""
        return [self._status(camera) for _, camera in sorted(self._cameras.copy().items())]

    def counters(self) -> list[Counters]:
        """Of every camera that was read here since the process began, by source; a camera's counters restart when it begins again."""
        return [counters for _, counters in sorted(self._kept.copy().items())]

    # FrameSink

    def open_push(self, source: str) -> Push:
        """See FrameSink.open_push."""
        camera = self._cameras.get(source)
        if camera is None:
            raise UnknownCamera("no such camera", field="source", remedy="put it on the camera list with push = true")
        if camera.plan.spec.uri:
            raise ConfigError("this camera is read, not pushed", field="source", remedy="set push = true in the camera list")
        if camera.stopped:
            raise CameraTaken("this camera was stopped here", field="source", remedy="start it first")
        if camera.source is None:
            with self._work:
                if camera.source is None and not self._begin(camera):
                    raise _elsewhere()
        if camera.withheld is not None:
            remedy = f"it is {camera.withheld.value}: see `wince switch list` and `wince consent list`"
            raise CameraTaken("this camera must not be looked at now", field="source", remedy=remedy)
        if not isinstance(camera.source, PushSource):
            raise ConfigError("this camera is read, not pushed", field="source", remedy="set push = true in the camera list")
        return camera.source.open()

    # Life

    def start_all(self) -> None:
        """Begin to take, renew and restart."""
        self._thread.start()

    def tick(self) -> None:
        """One round. Never raises for what a camera or the database does."""
        with self._work:
            try:
                for source in self._leases.renew():
                    log.warning("camera lost to another replica", source=source)
            except WinceError as error:
                log.warning("camera leases can't be renewed", error=error)
            taken = 0
            for source, camera in sorted(self._cameras.items()):
                if camera.runner is not None:
                    self._look_after(source, camera)
                elif not camera.stopped and not camera.over and taken < TAKE and self._steady() >= camera.retry_s:
                    try:
                        taken += self._begin(camera)
                    except PeerError as error:
                        log.warning("no camera can be taken: the database does not answer", error=error)
                        return
                    except Exception as error:  # what opening one camera raises concerns no other
                        camera.retry_s, camera.trouble = self._steady() + RETRY_S, words(error)
                        log.error("camera can't be started", source=source, error=error)

    def failed(self) -> BaseException | None:
        """What ended the ticks for good: no lease would be renewed any more."""
        return self._thread.failed()

    def drain(self) -> None:
        """End every camera and give its lease back, so that another replica goes on at once. Idempotent."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(END_S)
        with self._work:
            self._end(list(self._cameras.values()), finish=False)
            self._give_back(*self._cameras)

    def _ticks(self) -> None:
        while not self._ended.is_set():
            self.tick()
            self._wake.wait(TICK_S)
            self._wake.clear()

    def _look_after(self, source: str, camera: _Camera) -> None:
        runner = camera.runner
        assert runner is not None
        if not self._leases.owns(source) or self._why_not(camera.plan) is not camera.withheld:
            self._end([camera], finish=False)
        elif not runner.is_alive():
            self._end([camera], finish=False)
            camera.over = runner.error is None  # a file that is played to its end
            if runner.error is not None:
                camera.retry_s, camera.trouble = self._steady() + RETRY_S, words(runner.error)
                log.error("camera's pipeline ended; restarting it", source=source, error=runner.error)

    def _begin(self, camera: _Camera) -> bool:
        """Take the camera and read it; False: another owns it. Raises what opening or the database raises."""
        plan, source = camera.plan, camera.plan.spec.source
        if not self._leases.owns(source) and self._leases.acquire(source) is None:
            return False
        camera.withheld = self._why_not(plan)
        opened = self._opened(plan, camera.withheld)
        counters = opened.counters if isinstance(opened, LiveSource) else Counters(source)
        meter = ActivityMeter(opened, failure=lambda: counters.failure)
        camera.source, camera.meter, camera.runner = opened, meter, self._run(meter, plan)
        if isinstance(opened, LiveSource):
            self._kept[source] = counters
        camera.runner.start()
        camera.trouble = ""
        log.info("camera taken", source=source)
        return True

    def _opened(self, plan: CameraPlan, withheld: Reason | None) -> Source:
        source = plan.spec.source
        if withheld is None:
            return self._open(plan, lambda: self._leases.owns(source))
        log.info("camera is not looked at", source=source, reason=withheld.value)
        return LiveSource(source, rate_hz=1.0, owned=lambda: self._leases.owns(source), silent=withheld)

    def _end(self, cameras: Sequence[_Camera], *, finish: bool) -> None:
        """`finish`: with a last beat that says so; else at once, since another goes on. All of them within END_S: leases of the others
        must be renewed."""
        ending = [(camera.source, camera.runner) for camera in cameras if camera.source is not None and camera.runner is not None]
        for camera in cameras:
            camera.source = camera.runner = None
        until_s = time.monotonic() + END_S
        for source, runner in ending:
            if finish and isinstance(source, LiveSource):
                source.finish()
            else:
                runner.stop()
        for source, runner in ending:
            if finish and isinstance(source, LiveSource):
                runner.join(max(0.0, until_s - 1.0 - time.monotonic()))
            runner.stop()
            source.close()
        for source, runner in ending:
            runner.join(max(0.0, until_s - time.monotonic()))
            if runner.is_alive():
                log.warning("a camera's pipeline is slow to stop", source=source.source)

    def _give_back(self, *sources: str) -> None:
        try:
            self._leases.release(sources)
        except WinceError as error:
            log.warning("camera leases can't be given back; they run out", error=error)

    def _status(self, camera: _Camera) -> CameraStatus:
        source = camera.source
        if camera.stopped or camera.over:
            state = CameraState.STOPPED
        elif source is None:
            state = CameraState.CONNECTING if camera.trouble else CameraState.ELSEWHERE
        else:
            state = source.counters.state if isinstance(source, LiveSource) else CameraState.RUNNING
        if state is CameraState.ELSEWHERE or camera.meter is None:
            return CameraStatus(camera.plan.spec, state, CameraActivity(failure=camera.trouble))
        activity = camera.meter.activity()
        return CameraStatus(camera.plan.spec, state, replace(activity, failure=camera.trouble or activity.failure))


def _elsewhere() -> CameraTaken:
    return CameraTaken("another replica owns this camera", field="source", remedy="ask the other replicas")
