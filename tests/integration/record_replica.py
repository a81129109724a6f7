"""A record replica in a process of its own: takes the windows of its cameras minute by minute, reviews what is asked for meanwhile, and
prints each minute that is durable. Arguments: dsn, cameras (with commas), minutes."""

import sys

from tests.integration.mixed_world import PROTOCOLS, minute_of
from tests.integration.record_world import FakeTarget
from tests.integration.review_world import NOW
from wince.pipeline.record.sink import PostgresSink
from wince.store.database import Database


def main(dsn: str, cameras: str, minutes: str) -> None:
    """Ends after the last minute, with an error where anything can't be written."""
    with Database(dsn, size=3) as database:
        sink = PostgresSink(database, PROTOCOLS, [FakeTarget()], clock=lambda: NOW)
        for minute in range(int(minutes)):
            sink.commit([message for camera in cameras.split(",") for message in minute_of(camera, minute)])
            sink.review(2)
            print(minute, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
