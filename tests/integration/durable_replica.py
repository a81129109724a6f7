"""A record replica in a process of its own: commits the windows of its cameras, a batch after the other, each until it is taken; prints the
number of each batch that it was told is durable. Arguments: dsn, cameras (with commas), batches."""

import sys
import time

from tests.integration.record_world import FakeTarget, window
from wince.domain.assessment import Assessment
from wince.errors import Unavailable
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.store.database import Database

WINDOWS = 3
"""Of each camera in a batch."""


def batch(cameras: list[str], number: int) -> list[Assessment]:
    """The windows of a batch; some of them chart."""
    numbers = range(number * WINDOWS, (number + 1) * WINDOWS)
    return [window(n, n // 6 % 3, source=camera) for camera in cameras for n in numbers]


def main(dsn: str, cameras: str, batches: str) -> None:
    """Ends after the last batch."""
    with Database(dsn, size=2) as database:
        sink = PostgresSink(database, {"activity": load("activity")}, [FakeTarget()])
        for number in range(int(batches)):
            while True:
                try:
                    sink.commit(batch(cameras.split(","), number))
                    break
                except Unavailable:
                    time.sleep(0.1)
            print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
