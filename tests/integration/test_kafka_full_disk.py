"""The disk of the only Kafka broker fills up under load: nothing that was acknowledged is lost, and all goes on once there is room."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.kafka_world import Load, eventually, kafka

pytestmark = [pytest.mark.peer, pytest.mark.timeout(300)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m,mode=755", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_publishers_wait_and_go_on(small_disk: Path) -> None:
    """Kafka ends itself when its only folder can't be written. `wince up`, or the operator's supervisor, starts it again."""
    with kafka(small_disk, 1) as peer:
        load = Load(peer, "test.full.v1", size=4000)
        try:
            load.wait_for_more()
            ballast = small_disk / "ballast"
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(bytes(1 << 16)):
                    pass
            assert shutil.disk_usage(small_disk).free == 0
            assert eventually(lambda: peer.pid(0) is None, 60), "the broker goes on although its disk is full"
            acknowledged = set(load.acknowledged)
            assert not load.refused
            ballast.unlink()
            assert eventually(peer.ensure, 60)
            load.wait_for_more()
            load.end()
            assert acknowledged <= load.acknowledged
            assert load.lost == set()
            assert load.in_order()
        finally:
            load.close()
