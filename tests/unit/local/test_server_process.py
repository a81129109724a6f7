"""A server's process is waited for until it answers, started again where it is killed meanwhile, and ends with what it began."""

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from wince.errors import ResourceError
from wince.local import stopping
from wince.local.server_process import ServerProcess

SERVER = """
import pathlib, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
starts = folder / "starts"
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
if "worker" in sys.argv:
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (folder / "worker").write_text(str(worker.pid))
while len(starts.read_text()) < int(sys.argv[2]):
    time.sleep(0.01)
(folder / "answers").write_text("yes")
time.sleep(600)
"""


def spawned(folder: Path, *words: str, code: str = SERVER) -> ServerProcess:
    process = ServerProcess("the server", folder / "log")
    process.spawn([sys.executable, "-c", code, str(folder), *words], folder=folder, environment=os.environ)
    return process


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 30
    while not gone(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_that_is_killed_while_it_starts_is_started_again(tmp_path):
    """The second start answers; the first never would have."""
    process = spawned(tmp_path, "2")
    asked: list[int] = []

    def answers() -> bool:
        asked.append(process.pid)
        if (tmp_path / "starts").exists() and len(set(asked)) == 1:
            process.send(signal.SIGKILL)
        return (tmp_path / "answers").exists()

    process.await_answer(answers, 60)
    assert len(set(asked)) == 2
    process.stop(10)
    assert process.pid is None


def test_one_that_ends_is_named_with_the_last_words_of_this_start(tmp_path):
    """And the remedy that its owner knows."""
    (tmp_path / "log").write_text("ERROR of an earlier start\n")
    process = spawned(tmp_path, code="print('no space'); raise SystemExit(3)")
    with pytest.raises(ResourceError, match="the server ended with 3; its last words: no space") as error:
        process.await_answer(lambda: False, 60, remedy="make room")
    assert error.value.remedy == "make room"


def test_one_that_never_answers_is_stopped(tmp_path):
    """After the time that it was given."""
    process = spawned(tmp_path, "9")
    pid = process.pid
    with pytest.raises(ResourceError, match="did not answer within 0 s"):
        process.await_answer(lambda: False, 0.2)
    assert process.pid is None
    assert gone(pid)


@pytest.mark.parametrize("cut_off", [False, True])
def test_what_it_began_ends_with_it(tmp_path, cut_off):
    """In order, also where it is frozen, and where a signal leaves no time for that."""
    process = spawned(tmp_path, "1", "worker")
    process.await_answer((tmp_path / "answers").exists, 60)
    worker, server = int((tmp_path / "worker").read_text()), process.pid
    assert not gone(worker)
    if cut_off:
        stopping.finish()
    else:
        process.send(signal.SIGSTOP)
        process.stop(10)
    until_gone(worker)
    until_gone(server)
    process.stop(10)
