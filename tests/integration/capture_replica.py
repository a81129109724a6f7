"""A capture replica in a process of its own, with leases in PostgreSQL, that reads one camera and prints what comes of it.
Arguments: dsn, name, url, ttl of leases."""

import sys
import threading
from collections.abc import Callable

from wince.domain.camera import CameraSpec
from wince.domain.frame import Frame
from wince.pipeline.capture.cameras import CameraPlan, Cameras
from wince.pipeline.capture.interface import Source
from wince.pipeline.capture.rtsp import Patience, StreamSource
from wince.store.camera_leases import CameraLeases
from wince.store.database import Database

QUICK = Patience(open_s=20, read_s=2, stall_s=2, first_s=0.1, longest_s=0.5)


class Printing(threading.Thread):
    """Prints "frame SEQUENCE" and "beat TIME"."""

    def __init__(self, source: Source) -> None:
        super().__init__(daemon=True)
        self._source = source
        self.error: BaseException | None = None

    def run(self) -> None:
        """Until the source ends."""
        for message in self._source:
            print("frame" if isinstance(message, Frame) else "beat", message.time_us, flush=True)

    def stop(self) -> None:
        """End."""
        self._source.close()


def main(dsn: str, name: str, url: str, ttl_s: str) -> None:
    """Until killed."""

    def opened(plan: CameraPlan, owned: Callable[[], bool]) -> Source:
        return StreamSource("cam", plan.spec.uri, rate_hz=5, patience=QUICK, owned=owned)

    with Database(dsn, size=2) as database:
        leases = CameraLeases(database, name, ttl_s=float(ttl_s))
        cameras = Cameras(opened, lambda source, _: Printing(source), leases)
        cameras.set_list([CameraPlan(CameraSpec("cam", url))])
        cameras.start_all()
        print("ready", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
