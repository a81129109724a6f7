"""A camera goes on when the capture replica that reads it is killed or frozen: another takes it over, and never two give its frames."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wince.errors import ResourceError
from wince.testing.clips import clip
from wince.testing.peers.rtsp import RtspPeer, looped

TTL_S = 4.0


class Replica:
    """tests/integration/capture_replica.py, and what it said."""

    def __init__(self, dsn: str, name: str, url: str) -> None:
        command = [sys.executable, "-m", "tests.integration.capture_replica", dsn, name, url, str(TTL_S)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said: list[list[str]] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.split())

    def times(self, kind: str) -> list[int]:
        return [int(words[1]) for words in list(self.said) if words[0] == kind]

    def frames(self) -> list[int]:
        return self.times("frame")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def wait(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    try:
        with RtspPeer(looped(clip("bed1"), tmp_path / "camera.mp4", seconds=300)) as peer:
            yield peer.url
    except ResourceError as error:
        pytest.skip(error.diagnostics())


@pytest.mark.peer
def test_a_killed_and_a_frozen_replica_are_succeeded(url: str, database_dsn: str) -> None:
    replicas = [Replica(database_dsn, "first", url)]
    try:
        wait(lambda: len(replicas[0].frames()) >= 5)
        replicas.append(Replica(database_dsn, "second", url))
        wait(lambda: replicas[1].said)
        assert replicas[1].frames() == []
        replicas[0].process.send_signal(signal.SIGKILL)
        wait(lambda: len(replicas[1].frames()) >= 5)
        replicas.append(Replica(database_dsn, "third", url))
        replicas[1].process.send_signal(signal.SIGSTOP)
        wait(lambda: len(replicas[2].frames()) >= 5)
        before = len(replicas[1].frames())
        replicas[1].process.send_signal(signal.SIGCONT)
        more = len(replicas[2].frames()) + 10
        wait(lambda: len(replicas[2].frames()) >= more)
        assert len(replicas[1].frames()) <= before + 1  # one may have lain between the question and the answer
    finally:
        for replica in replicas:
            replica.end()
    given = [replica.frames() for replica in replicas]
    for earlier, later in itertools.pairwise(given):
        assert earlier[-1] < later[0], "one gives frames only when the one before has given its last"
    for replica in replicas:
        beats = replica.times("beat")
        assert all(after - before == 1_000_000 for before, after in itertools.pairwise(beats))
