"""`wince push`: a file or a network camera, sampled here and pushed to capture over gRPC in its own time.

For cameras that capture can't reach. The queue is that of every live camera: bounded, the oldest frame goes. A stream that breaks, grows
old or is refused because another replica owns the camera is begun again, on the next address, with backoff.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc

from wince.api.capture.v1.capture_service_pb2 import PushFramesRequest
from wince.api.capture.v1.capture_service_pb2_grpc import CaptureServiceStub
from wince.backoff import Backoff
from wince.codec.frame import frame_to_message
from wince.domain.frame import Beat, Frame
from wince.domain.loopback import loopback
from wince.errors import ConfigError, InputError, PeerError, Unavailable, WinceError
from wince.parts import cause
from wince.rpc import client
from wince.rpc.config import RpcSettings
from wince.rpc.errors import Forbidden, Unauthenticated
from wince.rpc.status import error_of
from wince.telemetry import logs

log = logs.get(__name__)

AGAIN = Backoff(0.2, 5.0, jitter=0.5)
"""Between streams that break."""
PATIENCE = 12
"""Attempts in a row that may fail before it is given up: about 40 s."""

Metadata = Callable[[], tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Target:
    """Capture's replicas, and how they are spoken to."""

    addresses: tuple[str, ...]
    """HOST:PORT of each."""
    tls: bool = False
    """Insist on it: it is spoken anyway where authorities are known."""
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    server_name: str = ""
    """Name in the certificate, where an address is a number."""
    plain_beyond_loopback: bool = False
    """Send pictures of patients over a network unencrypted."""

    def settings(self, base: RpcSettings) -> RpcSettings:
        """As settings of a client, over what the installation sets: TLS where either of them knows authorities. Raises ConfigError."""
        ca = self.ca or base.ca_file
        tls = self.tls or ca is not None
        for address in self.addresses:
            host, colon, port = address.rpartition(":")
            if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
                raise ConfigError("must be HOST:PORT", field=f"--to {address}", remedy="such as capture.example:7421")
            if not tls and not loopback(host) and not self.plain_beyond_loopback:
                raise ConfigError(
                    "pictures of patients would go over the network unencrypted", field=f"--to {address}", remedy="use --tls and --ca"
                )
        if tls and ca is None:
            raise ConfigError("no authority whose certificates are believed", field="--tls", remedy="name its certificates: --ca FILE")
        given = {"client_cert_file": self.cert, "client_key_file": self.key, "client_token_file": self.token_file}
        return base.model_copy(update={"ca_file": ca, **{name: value for name, value in given.items() if value is not None}})


def push(target: Target, messages: Iterable[Frame | Beat], base: RpcSettings, *, capacity: int = 15) -> Pushed:
    """Push until the messages end. `capacity`: frames kept while no stream takes them. Raises as Target.settings and Pusher.run do."""
    config = target.settings(base)
    with ExitStack() as stack:
        channels = []
        for address in target.addresses:
            channels.append(client.blocking_channel([address], config, server_name=target.server_name))
            stack.callback(channels[-1].close)
        try:
            return Pusher(channels, messages, metadata=lambda: client.metadata(config), capacity=capacity).run()
        except Unavailable as error:
            where = error.field or f"--to {', '.join(target.addresses)}"
            remedy = error.remedy or "is capture running there? `wince status` and `wince up` say where it listens"
            raise Unavailable(error.message, field=where, remedy=remedy) from None


@dataclass(slots=True)
class Pushed:
    """What became of the frames."""

    frames: int = 0
    """Sampled from the file or camera."""
    sent: int = 0
    accepted: int = 0
    """As capture says."""
    dropped: int = 0
    """Here, while no stream took them, and at capture."""
    streams: int = 0


class Pusher:
    """Pushes `messages` (their beats are not sent: capture makes its own) until they end."""

    def __init__(
        self, channels: Sequence[grpc.Channel], messages: Iterable[Frame | Beat], *, metadata: Metadata = tuple, capacity: int = 15
    ) -> None:
        """channels: of capture's replicas, tried in turn. metadata: of each call (a token). capacity: frames kept meanwhile."""
        self._stubs = itertools.cycle([CaptureServiceStub(channel) for channel in channels])
        self._messages, self._metadata, self._capacity = messages, metadata, capacity
        self.pushed = Pushed()
        self._queue: deque[Frame] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._stream = 0
        self._error: BaseException | None = None

    def run(self) -> Pushed:
        """Returns when everything was sent and answered. Raises what the frames' source raises; InputError and others where capture
        refuses the frames; PeerError where no replica takes them for PATIENCE attempts."""
        threading.Thread(target=self._read, name="push-read", daemon=True).start()
        failures = 0
        while True:
            failure: WinceError = Unavailable("the stream ended")
            before = self.pushed.accepted
            try:
                self._push(next(self._stubs))
            except grpc.RpcError as error:
                failure = error_of(error)  # type: ignore[arg-type]  # a blocking call's error says the same
                if isinstance(failure, InputError | Unauthenticated | Forbidden) or not isinstance(failure, PeerError):
                    raise failure from None
            if self._error is not None:
                raise self._error
            if self._done():
                return self.pushed
            failures = 0 if self.pushed.accepted > before else failures + 1
            if failures >= PATIENCE:
                raise failure
            wait_s = AGAIN.wait_s(failures + 1)
            log.warning("capture takes no frames; trying again", code=failure.code, attempt=failures, wait_s=round(wait_s, 1))
            threading.Event().wait(wait_s)

    def _push(self, stub: CaptureServiceStub) -> None:
        with self._changed:
            self._stream += 1
            stream = self._stream
        self.pushed.streams += 1
        accepted = dropped = 0
        try:
            for answer in stub.PushFrames(self._requests(stream), metadata=self._metadata()):
                self.pushed.accepted += answer.accepted - accepted
                self.pushed.dropped += answer.dropped - dropped
                accepted, dropped = answer.accepted, answer.dropped
        finally:
            with self._changed:
                self._stream += 1  # gRPC's thread may still wait for this stream's next frame
                self._changed.notify_all()

    def _requests(self, stream: int) -> Iterator[PushFramesRequest]:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue) or self._over or stream != self._stream)
                if stream != self._stream or not self._queue:
                    return
                frame = self._queue.popleft()
                self.pushed.sent += 1
            yield PushFramesRequest(frame=frame_to_message(frame))

    def _read(self) -> None:
        try:
            for message in self._messages:
                if isinstance(message, Frame):
                    with self._changed:
                        self.pushed.frames += 1
                        self._queue.append(message)
                        if len(self._queue) > self._capacity:
                            self._queue.popleft()
                            self.pushed.dropped += 1
                        self._changed.notify_all()
        except BaseException as error:
            self._error = error if isinstance(error, Exception) else cause("what is pushed", error)
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _done(self) -> bool:
        with self._changed:
            return self._over and not self._queue
