"""Capture's way to detect: one stream per camera, made again when it breaks, grows old, or its server drains."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import grpc

from wince.api.capture.v1.capture_pb2 import Region
from wince.api.detect.v1.detect_service_pb2 import DetectFacesRequest
from wince.api.detect.v1.detect_service_pb2_grpc import DetectServiceStub
from wince.backoff import Backoff
from wince.clients.detect_queue import Waiting
from wince.domain.frame import Beat, Frame
from wince.errors import Refused, WinceError
from wince.parts import cause
from wince.telemetry import logs, metrics, traces
from wince.telemetry.windows import Windows

log = logs.get(__name__)

STREAM_AGE_S = 600.0
"""A stream ends after that (10 % sooner or later) and begins again on whichever replica is next: no replica keeps all load."""
LONGEST_STREAM_S = 1.5 * STREAM_AGE_S
"""No stream lasts longer: its end was asked for at most 10 % after its age, and the last answers take seconds."""
SILENT_S = 20.0
"""A stream is broken if its server was sent something and answers nothing for this time."""
AGAIN = Backoff(0.1, 3.0, jitter=0.5)
"""Between streams that break."""
HOPELESS = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNIMPLEMENTED)
"""Codes that no further attempt mends."""
OTHERWISE_SET = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION)
"""Codes that an equal start of detect mends: it is tried again."""
UNFIT = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)
"""Codes that speak of the oldest message without an answer: it is given up."""


class Link(threading.Thread):
    """Sends one source's messages until it has ended and everything is answered, or `stop`."""

    def __init__(
        self,
        source: str,
        stub: Callable[[], DetectServiceStub],
        *,
        region: tuple[float, float, float, float] | None = None,
        protocols: Sequence[str] = (),
        room: int = 25,
        lossless: bool = False,
        exact: bool = False,
        metadata: Callable[[], tuple[tuple[str, str], ...]] = tuple,
        windows: Windows | None = None,
    ) -> None:
        """`stub`: asked for before each stream.

        `protocols`: those that look at the source; empty: detect's default. `room`: frames that wait at most. `lossless`: `put` waits
        instead of dropping. `exact`: they go as they are while detect keeps up, not as JPEG. `metadata`: of each call (a token).
        `windows`: spans."""
        super().__init__(name=f"link-{source[:16]}", daemon=True)
        self._source, self._region, self._protocols, self._metadata = source, region, tuple(protocols), metadata
        self._stub = stub
        self._windows = windows
        self._parent = ""
        """Traceparent of the stream that runs."""
        self.waiting = Waiting(room, lossless=lossless, exact=exact)
        self._stopped = threading.Event()
        self._call: grpc.Call | None = None
        self._heard_s = time.monotonic()
        self.error: WinceError | None = None
        """What no further attempt mends; None while it runs and after a plain end."""
        self._told = 0
        self.streams = 0
        """Streams begun."""

    def put(self, message: Frame | Beat) -> None:
        """Hand a message over: of a camera at once, of a file when there is room. Raises what ended the link."""
        if self._windows is not None:
            self._windows.seen(message, stream=self._parent, protocol=next(iter(self._protocols), ""))
        while not self._stopped.is_set():
            if self.error is not None:
                raise self.error
            done = self.waiting.put(message)
            if (dropped := self.waiting.dropped) > self._told:
                metrics.dropped(self._source, dropped - self._told)
                self._told = dropped
            self._watch()
            if done:
                return

    def close(self, timeout_s: float = 30.0) -> bool:
        """Nothing more comes: wait until everything is answered; False where that took too long. Raises what ended the link."""
        self.waiting.close()
        self.join(timeout_s)
        if self.error is not None:
            raise self.error
        return not self.is_alive()

    def stop(self) -> None:
        """End now; what has no answer is sent by the next reader of the source."""
        self._stopped.set()
        self.waiting.close()
        self.waiting.end_stream()
        if self._call is not None:
            self._call.cancel()

    def run(self) -> None:
        """Streams, one after the other; what ends them for good is kept in `error`, and `put` raises it."""
        try:
            self._run()
        except BaseException as error:
            if not self._stopped.is_set():  # then the channel may be closed under us
                log.error("a link to detect ended", source=self._source, error=error)
                self.error = cause("the link to detect", error)

    def _run(self) -> None:
        failures = 0
        while not self._stopped.is_set() and not self.waiting.done():
            before = self.waiting.unanswered()
            began_s = time.monotonic()
            try:
                answers = self._stream()
            except grpc.RpcError as error:
                answers = 0
                self._failed(error)
            if self.error is not None:
                return
            worked = answers or (before == 0 and time.monotonic() - began_s > AGAIN.longest_s)
            failures = 1 if worked else failures + 1
            if self.waiting.done() or self._stopped.wait(AGAIN.wait_s(failures)):
                return

    def _stream(self) -> int:
        """One stream to its end; how many answers came. Raises RpcError where it broke before the first."""
        with traces.stream("capture.stream") as parent:
            self._parent = parent
            return self._sent((*self._metadata(), *traces.metadata(parent)))

    def _sent(self, metadata: tuple[tuple[str, str], ...]) -> int:
        generation = self.waiting.begin()
        self.streams += 1
        self._heard_s = time.monotonic()
        call = self._stub().DetectFaces(self._requests(generation), metadata=metadata, wait_for_ready=False)
        self._call = call
        answers = 0
        try:
            for _ in call:
                self.waiting.answered()
                self._heard_s = time.monotonic()
                answers += 1
        except grpc.RpcError as error:
            if not answers or error.code() in (*HOPELESS, *UNFIT):
                raise
            log.info("a stream to detect ended", source=self._source, status=error.code().name)
        finally:
            self.waiting.end_stream()
            self._call = None
        return answers

    def _requests(self, generation: int) -> Iterator[DetectFacesRequest]:
        ends_s = time.monotonic() + STREAM_AGE_S * random.uniform(0.9, 1.1)
        first = True
        while time.monotonic() < ends_s:
            request = self.waiting.take(generation)
            if request is None:
                return
            if first:
                request = DetectFacesRequest.FromString(request.SerializeToString())
                request.publish = True
                request.protocols.extend(self._protocols)
                if self._region is not None:
                    x0, y0, x1, y1 = self._region
                    request.region.CopyFrom(Region(x0=x0, y0=y0, x1=x1, y1=y1))
                first = False
            yield request

    def _watch(self) -> None:
        call = self._call
        if call is not None and self.waiting.unanswered() and time.monotonic() - self._heard_s > SILENT_S:
            log.warning("detect is silent; the stream is made again", source=self._source)
            self._heard_s = time.monotonic()
            call.cancel()

    def _failed(self, error: grpc.RpcError) -> None:
        code = error.code()
        if code in HOPELESS:
            remedy = "give capture a token with the role `publish`: wince token make capture publish"
            self.error = Refused(f"detect refuses us ({code.name})", field="rpc.client_token_file", remedy=remedy)
        elif code in UNFIT and self.waiting.unanswered():
            log.error("detect can't use a message; it is given up", source=self._source, status=code.name)
            self.waiting.answered()
        elif code in OTHERWISE_SET and self._protocols and not self._stopped.is_set():
            log.error("detect has other protocols; both need the same settings", source=self._source, status=code.name)
        elif not self._stopped.is_set():
            log.warning("no stream to detect", source=self._source, status=code.name)
