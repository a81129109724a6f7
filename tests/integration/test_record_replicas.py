"""Two record replicas write, each a process, while the hospital corrects itself without a pause; one is killed, its successor gets all
again. At the end each alert stands once, with who lay there; nobody waited in a ring."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Queue

import pytest

from tests.integration.mixed_truth import Sent, check, deliver
from tests.integration.mixed_world import PROTOCOLS, Hospital, minute_of
from tests.integration.record_world import FakeTarget
from tests.integration.review_world import NOW
from wince.pipeline.record.sink import PostgresSink
from wince.store.database import Database

MINUTES = 24
ALIKE, ONE, TWO = "cam-1", "cam-2", "cam-3"
"""`ALIKE`: it changed hands, and both replicas think that it is theirs."""


class Replica:
    """A process that records. `heard` gets it whenever it says something, and when it says no more."""

    def __init__(self, dsn: str, cameras: list[str], heard: "Queue[Replica]") -> None:
        command = [sys.executable, "-m", "tests.integration.record_replica", dsn, ",".join(cameras), str(MINUTES)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.durable = -1
        """The last minute that it said is durable."""
        self.ended = False
        self._heard = heard
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.durable = int(line)
            self._heard.put(self)
        self.ended = True
        self._heard.put(self)

    def kill(self) -> None:
        """-9, where it still runs."""
        self.process.kill()
        self.process.wait()
        self._reader.join(10)


@contextmanager
def replicas() -> Iterator[list[Replica]]:
    """Those that are put in; none is left behind."""
    running: list[Replica] = []
    try:
        yield running
    finally:
        for one in running:
            one.kill()


def _run(database: Database, seed: int) -> None:
    cameras, rng = [ALIKE, ONE, TWO], random.Random(seed)
    hospital, sent, heard = Hospital(database, cameras, rng), Sent(), Queue[Replica]()
    hospital.visit()
    steps = [*[hospital.visit] * 6, hospital.camera, hospital.doubt, hospital.trust, hospital.trust, hospital.consent]
    killed_at, merged_at = rng.randint(5, MINUTES - 10), rng.randint(5, MINUTES)
    with replicas() as running:
        running += [Replica(database.dsn, of, heard) for of in ([ALIKE, ONE], [ALIKE, TWO])]
        victim = running[0]
        while not all(one.ended for one in running):
            heard.get(timeout=60)
            hospital.now = max(one.durable for one in running) + 1
            for _ in range(rng.randint(1, 3)):
                rng.choice(steps)()
            if hospital.now >= merged_at:
                hospital.merge()
            if len(running) == 2 and victim.durable >= killed_at:
                victim.kill()
                running.append(Replica(database.dsn, [ALIKE, ONE], heard))
        assert victim.process.returncode == -signal.SIGKILL
        assert [(one.process.wait(), one.durable) for one in running[1:]] == [(0, MINUTES - 1)] * 2
    for minute in range(MINUTES):
        for camera in cameras:
            for message in minute_of(camera, minute):
                sent.add(message)
    target = FakeTarget()
    last = PostgresSink(database, PROTOCOLS, [target], clock=lambda: NOW)

    def review() -> list[object]:
        found = last.review()
        return [*found.entries, *found.tasks]

    review()
    check(database, hospital.truth, sent, cameras, review)
    deliver(database, target, cameras)
    with database.transaction() as tx:
        assert tx.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone() == (0,)


@pytest.mark.parametrize("seed", range(1))
def test_a_replica_is_killed_while_the_hospital_corrects_itself(database: Database, seed: int) -> None:
    _run(database, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1020))
def test_a_replica_is_killed_while_the_hospital_corrects_itself_often(database: Database, seed: int) -> None:
    _run(database, seed)
