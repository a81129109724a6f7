"""`wince serve capture`: cameras read, every one by a thread of its own, frames and beats sent to detect."""

from __future__ import annotations

import threading
from collections.abc import Callable

import grpc

from wince.domain.frame import US
from wince.errors import WinceError
from wince.pipeline.capture.folder import open_source
from wince.pipeline.capture.interface import Source
from wince.runtime.services.link import Link
from wince.runtime.services.service import LONGEST_US, Deps, Service
from wince.settings import Camera, Settings
from wince.store import snapshots
from wince.telemetry import logs

log = logs.get(__name__)

ROUND_ROBIN = '{"loadBalancingConfig": [{"round_robin": {}}]}'
FOR_EVER_S = 3600.0


def build(deps: Deps) -> Service:
    """The service: clips of the settings, replayed where that is set."""
    channel = connect(deps.settings)
    deps.stack.callback(channel.close)
    begins_us = deps.replay_us or 0
    rate_hz = deps.protocol.detect.rate_hz

    def opener(camera: Camera) -> Callable[[], Source]:
        def opened() -> Source:
            closed = snapshots.closed(deps.database, "grade", [camera.id]).get(camera.id, begins_us)
            from_us = closed if begins_us <= closed <= begins_us + LONGEST_US else begins_us
            return open_source(
                camera.clip, camera.id, rate_hz=rate_hz, origin_us=begins_us, from_us=from_us, rotation=camera.rotation
            )

        return opened

    return Service("capture", [Clip(opener(camera), Link(camera.id, channel, region=camera.region, lossless=True))
                               for camera in deps.settings.cameras])  # fmt: skip


def connect(settings: Settings) -> grpc.Channel:
    """A channel to detect's replicas, streams spread over them. Connects when it is first used, and again whenever it must."""
    addresses = settings.detect
    target = addresses if "://" in addresses or addresses.startswith(("unix:", "dns:")) else "ipv4:" + addresses
    options = [
        ("grpc.service_config", ROUND_ROBIN),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.max_receive_message_length", settings.rpc.max_message_bytes),
        ("grpc.max_send_message_length", settings.rpc.max_message_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    return grpc.insecure_channel(target, options)


class Clip:
    """A file as a camera, from where the last owner left off, as fast as detect takes it: nothing is dropped."""

    def __init__(self, opened: Callable[[], Source], link: Link) -> None:
        self._opened, self._link = opened, link
        self._stopped = threading.Event()
        self._source: Source | None = None
        self._thread = threading.Thread(target=self._run, name=link.name.replace("link", "clip"), daemon=True)
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin to play."""
        self._link.start()
        self._thread.start()

    def stop(self) -> None:
        """End; what has no answer is sent by whoever plays it next."""
        self._stopped.set()
        self._link.stop()
        if self._source is not None:
            self._source.close()
        self._thread.join(10)

    def failed(self) -> BaseException | None:
        """What ended it for good."""
        return self._error or self._link.error

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._source = self._opened()
                for message in self._source:
                    if self._stopped.is_set():
                        return
                    self._link.put(message)
                self._link.close(FOR_EVER_S)
                log.info("a clip is over", source=self._source.source)
                return
            except WinceError as error:
                if error.exit_code not in (6, 8):  # another party, the database: they come back
                    self._error = error
                    return
                log.warning("a clip can't be played yet", error=error)
                self._stopped.wait(US / 1e6)
            except Exception as error:
                self._error = error
                return
