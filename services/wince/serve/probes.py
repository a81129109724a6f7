"""What an orchestrator's probes are told of a service, in the clear and without a token: serving or not, and nothing else.

Three questions, two names. The services' own names are answered as on the service's own port.

- startup asks "live": SERVING as soon as the process answers, also while it waits for Kafka or the database. That is no reason to start
  it again.
- liveness asks "live": SERVING while the process's loop and its gRPC server turn and no part has failed for good. It depends on no peer:
  Kafka, the database or the EHR may be away.
- readiness asks "": SERVING once the models gave the expected output and every part runs; not while the service starts or drains, nor
  after a part failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from wince.errors import ResourceError
from wince.parts import WatchedThread
from wince.rpc.config import RpcSettings
from wince.rpc.server import ServerThread
from wince.settings import Settings

LIVE = "live"
STILL_S = 30.0
"""A loop that did not turn for this time hangs. It turns twice a second; this leaves room for a machine that is busy."""
LOOK_S = 1.0
"""How often the loop's age is looked at."""
CONNECTIONS, PER_ADDRESS, STREAMS = 64, 16, 8
"""Most connections, most of one address, most calls on one connection. A kubelet has one of each for a moment."""


class Probes:
    """Answers from `start` to `stop`. Thread-safe."""

    def __init__(self, host: str, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`port` 0: any free one. `clock`: monotonic seconds."""
        config = RpcSettings(
            host=host,
            port=port,
            insecure_listen_beyond_loopback=True,  # it serves health alone
            reflection=False,
            max_connections=CONNECTIONS,
            max_connections_per_address=PER_ADDRESS,
            max_streams_per_connection=STREAMS,
            max_rpcs=CONNECTIONS * STREAMS,
            max_stream_age_s=300,
            connection_idle_s=30,
            drain_s=1,
        )
        self._server = ServerThread((), config, is_ready=False)
        self._where, self._clock = f"health_host={host}, health_port={port}", clock
        self._turned: float | None = None
        self._stopped = threading.Event()
        self._thread = WatchedThread("probes", self._watch, self._stopped)
        self._died = False

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.port

    def start(self) -> None:
        """Answer: alive, not ready. Raises ResourceError where the port can't be had."""
        try:
            self._server.start()
        except ResourceError:
            remedy = "is the port taken, or is health_host no address of this machine? name another"
            raise ResourceError("can't listen", field=self._where, remedy=remedy) from None
        self._server.ready(LIVE, True)
        self._thread.start()

    def ready(self, names: Sequence[str], is_ready: bool) -> None:
        """Say whether these can do their work; "" speaks for the whole."""
        for name in names:
            self._server.ready(name, is_ready)

    def beat(self) -> None:
        """The process's loop has turned. From the first time on it is expected to, until `rest`."""
        self._turned = self._clock()

    def rest(self) -> None:
        """The loop has ended as it should: the service drains."""
        self._turned = None

    def died(self) -> None:
        """A part failed for good: whatever the drain does, the process must be started again."""
        self._died = True
        self._look()

    def failed(self) -> BaseException | None:
        """What ended the answering."""
        return self._server.failed() or self._thread.failed()

    def stop(self) -> None:
        """No more answers. Idempotent."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        self._server.stop()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        turned = self._turned
        still = turned is not None and self._clock() - turned > STILL_S
        self._server.ready(LIVE, not (self._died or still))


def probes(settings: Settings) -> Probes | None:
    """What answers probes, not started; None where no port is set."""
    return None if settings.health_port is None else Probes(settings.health_host, settings.health_port)
