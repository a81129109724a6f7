"""`wince serve capture`: the cameras that this replica owns, every one on a thread of its own, frames and beats sent to detect.

A camera that nobody reads is taken over by another replica. Of a live camera the frames between are lost: grade says `gap`. A clip
(a file as a camera) that is replayed goes on from the last window that was committed: nothing of it is lost.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.clients.detect import LONGEST_STREAM_S, Link
from wince.clock import Clock, wall_us
from wince.domain.camera import CameraSpec
from wince.domain.loopback import loopback
from wince.domain.reason import Reason
from wince.domain.stay import Bedside
from wince.errors import WinceError
from wince.pipeline.capture.cameras import CameraPlan, Cameras, OpenCamera
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.guarded import GuardedClip
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.servicer import Bedsides, CaptureServicer, registration
from wince.rpc import client
from wince.rpc.config import RpcSettings
from wince.rpc.renewed_stub import RenewedStub
from wince.serve.begin import closed
from wince.serve.camera_list import CameraList
from wince.serve.camera_opening import opener
from wince.serve.permission import Permission
from wince.serve.protocols import ProtocolSet
from wince.serve.service import Deps, Service
from wince.store import trust
from wince.store.access import note
from wince.store.camera_leases import CameraLeases
from wince.store.database import Database
from wince.store.reach import Reach
from wince.telemetry import logs, metrics

log = logs.get(__name__)

END_S = 30.0
"""How long what a source gave last may take to be answered once it has ended."""
FOR_EVER_S = 24 * 3600.0


def build(deps: Deps) -> Service:
    """The service."""
    config, targets = deps.settings.rpc, [one.strip() for one in deps.settings.detect.split(",")]
    stub = RenewedStub(targets, config, DetectServiceStub, longest_s=LONGEST_STREAM_S)
    deps.stack.callback(stub.close)
    windows = deps.windows("capture")
    exact = near(targets, config)
    replay_us, protocols = deps.replay_us, deps.protocols

    def run(source: Source, plan: CameraPlan) -> Road:
        lossless = replay_us is not None
        link = Link(
            source.source,
            stub.now,
            region=plan.spec.region,
            protocols=plan.protocols,
            lossless=lossless,
            exact=exact,
            metadata=lambda: client.metadata(config),
            windows=windows,
        )
        return Road(source, link, FOR_EVER_S if lossless else END_S)

    opened = opener(protocols.default.detect.rate_hz)
    required = deps.settings.consent_required
    permission = Permission(deps.database, required=required, **({} if replay_us is None else {"from_us": lambda: replay_us}))
    if replay_us is not None:
        opened = replayer(deps.database, protocols, replay_us, opened, permission)
    why_not = now(permission, replayed=replay_us is not None)
    cameras = Cameras(opened, run, CameraLeases(deps.database, uuid.uuid4().hex), why_not=why_not)
    deps.stack.callback(metrics.CAMERAS.watch(cameras.counters))
    clock = wall_us if replay_us is None else (lambda: replay_us)
    list_ = CameraList(cameras, deps.database, read=deps.cameras, clock=clock, of_bed=protocols.of_bed)
    servicer = CaptureServicer(cameras, cameras, bedsides=bedsides(permission, deps.database))
    return Service("capture", [permission, Reading(cameras), list_], [registration(servicer)], Reach(deps.database))


def bedsides(permission: Permission, database: Database, clock: Clock = wall_us) -> Bedsides:
    """Where cameras are now. Of a named caller with the encounters, but for beds in doubt; that read stands in the audit trail."""

    def of(sources: Sequence[str], who: str, call: str) -> Mapping[str, Bedside]:
        now_us = clock()
        places = {source: permission.bedside(source, now_us) for source in sources}
        doubted: set[str] | None = None
        if who:
            with database.transaction() as tx:
                doubted = {one.bed for one in trust.in_doubt(tx, now_us)}
                note(tx, who, call, {"beds": ", ".join(sorted({place.bed for place in places.values() if place.bed}))}, now_us)
        return {
            source: place if doubted is not None and place.bed not in doubted else Bedside(place.bed) for source, place in places.items()
        }

    return of


class Reading:
    """All cameras of this replica as one part of the process."""

    name = "cameras"

    def __init__(self, cameras: Cameras) -> None:
        self._cameras = cameras

    def start(self) -> None:
        """Begin to take cameras."""
        self._cameras.start_all()

    def stop(self) -> None:
        """End every camera and give it back."""
        self._cameras.drain()

    def failed(self) -> BaseException | None:
        """What ended the looking after cameras."""
        return self._cameras.failed()


def near(targets: Sequence[str], config: RpcSettings) -> bool:
    """Whether every detect is on this machine and asked in the clear: then a frame is cheaper as it is than as a JPEG."""
    hosts = [target.rpartition(":")[0] for target in targets]
    return config.ca_file is None and all(loopback(host) for host in hosts)


def now(permission: Permission, *, replayed: bool) -> Callable[[CameraPlan], Reason | None]:
    """Why a camera must not be looked at now. A clip that is replayed has times of its own, and asks for itself."""

    def why_not(plan: CameraPlan) -> Reason | None:
        return None if replayed and _is_clip(plan.spec) else permission.why_not(plan.spec.source, wall_us())

    return why_not


def _is_clip(spec: CameraSpec) -> bool:
    return bool(spec.uri) and "://" not in spec.uri


def replayer(database: Database, protocols: ProtocolSet, begins_us: int, live: OpenCamera, permission: Permission) -> OpenCamera:
    """Opens clips as if they had begun at `begins_us`, each from the last window that was committed of it under every protocol, and earlier
    for members that see clips; other cameras by `live`."""

    def opened(plan: CameraPlan, owned: Callable[[], bool]) -> Source:
        spec = plan.spec
        if not _is_clip(spec):
            return live(plan, owned)
        closed_us = closed(database, [spec.source], list(protocols.every), begins_us).get(spec.source, begins_us)
        from_us = max(begins_us, closed_us - protocols.before_us)
        rate = spec.rate_hz or plan.rate_hz or protocols.default.detect.rate_hz
        path, turn = Path(spec.uri), spec.rotation
        return GuardedClip(
            lambda at_us: open_source(path, spec.source, rate_hz=rate, origin_us=begins_us, from_us=at_us, rotation=turn),
            lambda at_us: permission.why_not(spec.source, at_us),
            origin_us=begins_us,
            from_us=from_us,
        )

    return opened


class Road(threading.Thread):
    """One camera: takes what its source gives and hands it to the link (port `pipeline.capture.cameras.Running`)."""

    def __init__(self, source: Source, link: Link, end_s: float) -> None:
        super().__init__(name=f"camera-{source.source[:16]}", daemon=True)
        self._source, self._link, self._end_s = source, link, end_s
        self._stopped = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        """Drain the source."""
        try:
            self._link.start()
            for message in self._source:
                if self._stopped.is_set():
                    return
                self._link.put(message)
            if not self._link.close(self._end_s) and not self._stopped.is_set():
                log.warning("detect did not take the end of a source", source=self._source.source)
        except BaseException as error:  # SystemExit too: a road that died must not look like a file that is over
            if not self._stopped.is_set():
                self.error = error
                if not isinstance(error, WinceError):
                    log.error("a camera's pipeline failed", source=self._source.source, error=error)
        finally:
            self._source.close()
            self._link.stop()

    def stop(self) -> None:
        """End now; what has no answer is lost, or sent by the next reader of the source."""
        self._stopped.set()
        self._link.stop()
        self._source.close()
