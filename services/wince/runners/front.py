"""The front of the road on one thread per camera: capture, detect, estimate, and out onto the bus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from wince import codec
from wince.bus.interface import Bus
from wince.bus.topics import ESTIMATES
from wince.domain.estimate import Estimate
from wince.domain.frame import Beat, Frame
from wince.errors import WinceError
from wince.pipeline.capture.interface import Source
from wince.telemetry import logs

log = logs.get(__name__)

IN_FLIGHT = 256
"""Messages of a camera that may be unacknowledged; then the front waits (a file can wait, nothing is dropped)."""

Chain = Callable[[Frame | Beat], list[Estimate | Beat]]
"""detect and estimate composed, with their state: one message in, what comes of it out."""


class Front(threading.Thread):
    """Runs one source to its end, or until stopped."""

    def __init__(self, source: Source, chain: Chain, bus: Bus, seen: Callable[[Estimate | Beat], None]) -> None:
        super().__init__(name=f"front-{source.source[:16]}", daemon=True)
        self._source, self._chain, self._bus, self._seen = source, chain, bus, seen
        self._pending: list[Future[None]] = []
        self._stopped = threading.Event()
        self.error: BaseException | None = None
        """What ended the front; None while it runs and after a plain end."""

    def run(self) -> None:
        """Drain the source; see `error` afterwards."""
        try:
            for message in self._source:
                if self._stopped.is_set():
                    return
                for out in self._chain(message):
                    self._publish(out)
            for future in self._pending:
                future.result()
        except BaseException as error:  # SystemExit too: a clip that wasn't played to its end must not look as if it were
            if not self._stopped.is_set():
                self.error = error
                log.error("front ended", source=self._source.source, error=error)
        finally:
            self._source.close()

    def _publish(self, message: Estimate | Beat) -> None:
        schema, value = codec.encode(message)
        future = self._bus.publish(ESTIMATES, message.source, value, {"schema": schema.encode()})
        self._pending = [waiting for waiting in self._pending if not waiting.done()]
        self._pending.append(future)
        if len(self._pending) >= IN_FLIGHT:
            self._pending.pop(0).result()
        self._seen(message)

    def stop(self) -> None:
        """Ask the front to end after the message in hand."""
        self._stopped.set()
        self._source.close()

    def check(self) -> None:
        """Raise what ended the front."""
        if self.error is not None:
            if isinstance(self.error, WinceError):
                raise self.error
            raise WinceError(f"front of {self._source.source} failed: {type(self.error).__name__}") from self.error
