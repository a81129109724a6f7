"""Peers are made once, however many processes ask for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wince.local import peer_cache

MAKE = """
import os, sys, time
from pathlib import Path
from wince.local import peer_cache

target, log = Path(sys.argv[1]), Path(sys.argv[2])

def fill(out):
    with log.open("a") as stream:
        stream.write("begun\\n")
    (out / "jar").write_text("whole")
    while len(list(log.parent.glob("asks-*"))) < 2:
        time.sleep(0.01)

log.with_name(f"asks-{os.getpid()}").touch()
peer_cache.make(target, fill, "java")
print((target / "jar").read_text())
"""


def test_two_processes_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    """The first fills until the second asks, too; the second finds it whole."""
    target, log = tmp_path / "cache" / "peer", tmp_path / "log"
    command = [sys.executable, "-c", MAKE, str(target), str(log)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate(timeout=60)[0] for one in both] == ["whole\n", "whole\n"]
    assert log.read_text() == "begun\n"
    assert sorted(one.name for one in target.parent.iterdir()) == [".making-java.lock", "peer"]


def test_what_fails_leaves_nothing_that_looks_made(tmp_path: Path) -> None:
    def broken(out: Path) -> None:
        (out / "jar").write_text("half")
        raise OSError

    for fill in (broken, lambda out: (out / "jar").write_text("whole")):
        try:
            peer_cache.make(tmp_path / "peer", fill, "java")  # type: ignore[arg-type]
        except OSError:
            assert not (tmp_path / "peer").exists()
    assert (tmp_path / "peer" / "jar").read_text() == "whole"
