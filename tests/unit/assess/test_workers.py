"""Processes that assess: so many at once, one thread each, one that dies takes only its own file along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.unit.assess.report import synthetic
from wince.assess import workers
from wince.assess.result import ClipResult
from wince.assess.workers import Order, Task
from wince.errors import ModelFileError, ResourceError, WinceError
from wince.settings import load


def tasks(folder: Path, count: int) -> list[Task]:
    return [Task(number, folder / f"{number}.mp4", str(number)) for number in range(count)]


@pytest.fixture
def order() -> Order:
    return Order(load(), synthetic.PROTOCOL, None, False)


def answer(task: Task) -> ClipResult:
    return replace(synthetic.failed(), path=task.path, notes=(str(os.getpid()), *(os.environ[name] for name in workers.THREADS)))


def together(connection: Connection, order: Order) -> None:
    """Answers once a second worker has come as far."""
    task = connection.recv()
    task.path.with_suffix(f".{os.getpid()}").touch()
    deadline = time.monotonic() + 60
    while len(list(task.path.parent.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    connection.send((task.number, 0.5))
    connection.send((task.number, answer(task)))


def fragile(connection: Connection, order: Order) -> None:
    """Dies on file 1; what it answers else tells its process and its threads."""
    while True:
        try:
            task = connection.recv()
        except EOFError:
            return
        if task.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        connection.send((task.number, answer(task)))


def minding(connection: Connection, order: Order) -> None:
    """Answers whether SIGINT was blocked when its process began."""
    task = connection.recv()
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    connection.send((task.number, replace(synthetic.failed(), path=task.path, notes=(str(blocked),))))


def unable(connection: Connection, order: Order) -> None:
    connection.send((-1, ModelFileError("the model file changed", field="face_landmarks", remedy="fetch it")))


def test_as_many_work_at_once_as_were_asked_for(tmp_path: Path, order: Order) -> None:
    """Each waits for the other, so one alone would never answer; each is told to compute on one thread."""
    got = list(workers.run(tasks(tmp_path, 2), order, 2, together))
    assert sorted(share for _, share in got if isinstance(share, float)) == [0.5, 0.5]
    results = [one for _, one in got if isinstance(one, ClipResult)]
    assert len({one.notes[0] for one in results}) == 2
    assert {one.notes[1:] for one in results} == {("1",) * len(workers.THREADS)}


def test_a_worker_that_dies_is_the_error_of_its_file(tmp_path: Path, order: Order) -> None:
    got = {task.number: one for task, one in workers.run(tasks(tmp_path, 4), order, 1, fragile)}
    assert isinstance(got[1], ResourceError)
    assert "SIGKILL" in got[1].message
    assert "fewer --jobs" in got[1].remedy
    assert [isinstance(got[number], ClipResult) for number in (0, 2, 3)] == [True] * 3


def test_one_worker_does_many_files(tmp_path: Path, order: Order) -> None:
    """Models are loaded once a worker, not once a file."""
    got = [one for _, one in workers.run([one for one in tasks(tmp_path, 5) if one.number != 1], order, 1, fragile)]
    assert len({one.notes[0] for one in got if isinstance(one, ClipResult)}) == 1
    assert len(got) == 4


def test_what_keeps_every_worker_from_starting_ends_the_call(tmp_path: Path, order: Order) -> None:
    with pytest.raises(WinceError, match="the model file changed"):
        list(workers.run(tasks(tmp_path, 3), order, 2, unable))


def test_no_worker_outlives_the_call(tmp_path: Path, order: Order) -> None:
    run = workers.run([one for one in tasks(tmp_path, 3) if one.number != 1], order, 1, fragile)
    _, first = next(run)
    assert isinstance(first, ClipResult)
    run.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(first.notes[0]), 0)


FIRST = """
import sys
from pathlib import Path
from tests.unit.assess import test_workers as here
from wince.assess import workers
if __name__ == "__main__":
    order = here.Order(here.load(), here.synthetic.PROTOCOL, None, False)
    for _, answer in workers.run(here.tasks(Path(sys.argv[1]), 1), order, 1, here.minding):
        print(*answer.notes)
"""


def test_no_interrupt_reaches_even_the_first_worker_of_a_process(tmp_path: Path) -> None:
    """Ctrl-C while it imports would show a traceback. The first one starts multiprocessing's tracker, which unblocks SIGINT."""
    script = tmp_path / "first.py"
    script.write_text(FIRST)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, script, tmp_path], env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "True\n", done.stderr
