"""A process that records under load, for the tests that take its database away: a bus in memory, its producer, record's runner, delivery.

    python -m tests.integration.record_load DSN DIRECTORY [PREFIX]

The producer publishes windows as fast as the bus takes them. What is acknowledged, delivered and refused stands in files of the
directory (acked, delivered, said.json); `stop` there ends the producer, then the process, when all that was accepted is committed.
PREFIX stands before the numbers of its cameras.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.integration.record_world import FakeTarget, window
from wince.bus.memory import MemoryBus
from wince.bus.topics import ASSESSMENTS
from wince.codec.registry import encode
from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.snapshot import Graded, Snapshot
from wince.errors import WinceError
from wince.pipeline.record.sink import PostgresSink
from wince.protocols.loader import load
from wince.runners.record import Recording
from wince.store.database import Database

SOURCES = 10
WAITING = 400
"""Records that the bus takes before its producer waits."""


class FileTarget(FakeTarget):
    """An EHR that is a file: a line for everything that it was given."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = open(file, "a", buffering=1)  # noqa: SIM115 - open as long as the process
        self._one = threading.Lock()

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        said = json.loads(body)
        with self._one:
            self._file.write(f"{said['id']} {said['revision']}\n")
        return Answer(Outcome.WRITTEN, "201", f"Observation/{said['id']}", str(said["revision"]))


def main(dsn: str, directory: Path, prefix: str = "cam") -> None:
    """See above."""
    protocols = {"activity": load("activity")}
    database = Database(dsn, size=4)
    target = FileTarget(directory / "delivered")
    sink = PostgresSink(database, protocols, [target])
    said: Counter[str] = Counter()
    acked = open(directory / "acked", "a", buffering=1)  # noqa: SIM115 - open as long as the process
    produced = committed = 0
    longest = 0.0

    def commit(batch: Sequence[Graded]) -> None:
        nonlocal committed, longest
        began = time.monotonic()
        try:
            sink.commit([one for graded in batch for one in graded.assessments], [one.snapshot for one in batch if one.snapshot])
        except Exception as error:
            said[f"{type(error).__name__} {error.field if isinstance(error, WinceError) else ''}".strip()] += 1
            raise
        longest = max(longest, time.monotonic() - began)
        acked.write("".join(f"{one.id}\n" for graded in batch for one in graded.assessments))
        committed += len(batch)

    bus = MemoryBus(max_records=WAITING)
    bus.ensure_topics([ASSESSMENTS])
    recording = Recording(bus, commit, lambda _: None)
    recording.batch = 50
    recording.start()
    delivery = Delivery(database, [target], lease_s=20.0, poll_s=0.05)
    delivery.start()
    stop = directory / "stop"

    def produce() -> None:
        nonlocal produced
        number = 0
        while not stop.exists():
            for source in range(SOURCES):
                made = window(number, number % 3, source=f"{prefix}-{source}")
                graded = Graded(made.source, (made,), (), (), Snapshot(made.source, made.protocol, 1, made.end_us, b"x" * 2000))
                schema, value = encode(graded)
                bus.publish(ASSESSMENTS, made.source, value, {"schema": schema.encode()})
                produced += 1
            number += 1

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    while producer.is_alive() or committed < produced:
        status = {"produced": produced, "committed": committed, "errors": dict(said), "rss": _rss(), "longest_s": longest}
        _write(directory / "said.json", json.dumps(status))
        time.sleep(0.2)
    delivery.drain(120)
    recording.stop()
    delivery.stop()
    bus.close()


def _rss() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _write(file: Path, text: str) -> None:
    scratch = file.with_suffix(".new")
    scratch.write_text(text)
    scratch.replace(file)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
