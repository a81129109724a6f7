"""One replica owns a camera at a time, whoever is killed or frozen."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from wince.store.camera_leases import CameraLeases
from wince.store.database import Database


@pytest.fixture
def database(database_dsn: str) -> Iterator[Database]:
    with Database(database_dsn, size=4) as opened:
        yield opened


class Holder:
    """tests/integration/lease_holder.py, and what it said."""

    def __init__(self, dsn: str, owner: str, ttl_s: float) -> None:
        command = [sys.executable, "-m", "tests.integration.lease_holder", dsn, owner, "cam", str(ttl_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.strip())

    def wait_for(self, word: str) -> str:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = [line for line in self.said if line.startswith(word)]
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"{word} was never said: {self.said[-3:]}")

    def last_owned_s(self) -> float:
        return max(float(line.split()[1]) for line in self.said if line.startswith("now"))

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def test_one_owner_renewal_release_and_fence(database: Database) -> None:
    a, b = CameraLeases(database, "a"), CameraLeases(database, "b")
    first = a.acquire("cam")
    assert first is not None
    assert b.acquire("cam") is None
    assert a.owns("cam")
    assert not b.owns("cam")
    assert a.renew() == b.renew() == []
    b.release(["cam"])
    assert b.acquire("cam") is None
    a.release(["cam", "other"])
    assert not a.owns("cam")
    second = b.acquire("cam")
    assert second is not None
    assert second.fence > first.fence
    assert b.acquire("cam2") is not None
    assert [lease.source for lease in b.held()] == ["cam", "cam2"]


def test_a_lease_that_ran_out_is_not_owned_whatever_the_database_says(database: Database) -> None:
    """A process that was frozen longer than its lease knows so from its own clock, before it asks anybody."""
    now = 0.0
    a = CameraLeases(database, "a", ttl_s=30, steady=lambda: now)
    assert a.acquire("cam") is not None
    now = 29.9
    assert a.owns("cam")
    now = 30.0
    assert not a.owns("cam")
    assert a.renew() == []
    assert a.owns("cam")


def test_who_renews_after_another_took_over_has_lost(database: Database) -> None:
    a, b = CameraLeases(database, "a", ttl_s=0.05), CameraLeases(database, "b")
    assert a.acquire("cam") is not None
    assert a.acquire("mine") is not None
    deadline = time.monotonic() + 60
    while b.acquire("cam") is None:
        assert time.monotonic() < deadline
    assert a.renew() == ["cam"]
    assert [lease.source for lease in a.held()] == ["mine"]
    a.release(["cam"])
    assert a.acquire("cam") is None
    assert b.owns("cam")


def test_many_replicas_ask_for_one_camera_at_once(database: Database) -> None:
    won: list[str] = []
    barrier = threading.Barrier(4)

    def ask(owner: str) -> None:
        leases = CameraLeases(database, owner)
        barrier.wait(30)
        if leases.acquire("cam") is not None:
            won.append(owner)

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(won) == 1


def test_a_killed_owner_s_camera_is_taken_over(database_dsn: str) -> None:
    """kill -9: the camera is the successor's once the lease ran out, with a higher fence."""
    first = Holder(database_dsn, "first", 2)
    second = None
    try:
        fence = int(first.wait_for("owns").split()[1])
        first.wait_for("now")
        second = Holder(database_dsn, "second", 2)
        first.process.send_signal(signal.SIGKILL)
        assert int(second.wait_for("owns").split()[1]) > fence
        second.wait_for("now")
        assert first.last_owned_s() < min(float(line.split()[1]) for line in second.said if line.startswith("now"))
    finally:
        for holder in (first, second):
            if holder is not None:
                holder.end()


def test_a_frozen_owner_gives_up_before_another_begins(database_dsn: str) -> None:
    """SIGSTOP for longer than the lease, then SIGCONT: it never believes to own what another owns."""
    first = Holder(database_dsn, "first", 1.5)
    second = None
    try:
        first.wait_for("now")
        first.process.send_signal(signal.SIGSTOP)
        second = Holder(database_dsn, "second", 60)
        second.wait_for("now")
        first.process.send_signal(signal.SIGCONT)
        first.wait_for("lost")
        began = min(float(line.split()[1]) for line in second.said if line.startswith("now"))
        assert first.last_owned_s() < began
    finally:
        for holder in (first, second):
            if holder is not None:
                holder.end()
