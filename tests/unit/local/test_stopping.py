"""A signal ends a command wherever it is, in bounded time, and nothing that it began outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAD = """
import os, signal, subprocess, sys, threading, time
from wince.local import stopping
from wince.local.stopping import Stopped, at_last, keeps, stoppable
stopping.LIMIT_S = 5.0
def ready(pid=0):
    print("ready", pid, flush=True)
"""
MAIN = """
try:
    with stoppable():
        main()
except Stopped as stop:
    print(stop, flush=True)
    sys.exit(stop.exit_code)
finally:
    stopping.finish()
"""


IMPATIENT = HEAD.replace("LIMIT_S = 5.0", "LIMIT_S = 0.5")
"""For what never ends by itself."""


def stopped(program: str, number: int = signal.SIGINT, *, times: int = 1, head: str = HEAD) -> subprocess.CompletedProcess[str]:
    """Run `program`, which defines `main`, and send the signal once it is ready; `args` is the process id that it then named."""
    command = [sys.executable, "-c", head + program + MAIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline().split()
        assert first[0] == "ready"
        for _ in range(times):
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(first[1], process.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_says_what_is_kept_and_how_to_go_on(number: signal.Signals) -> None:
    program = "def main():\n  keeps(lambda: '3 pages are kept', 'write on')\n  ready()\n  time.sleep(60)\n"
    done = stopped(program, number)
    assert done.returncode == 128 + number
    assert done.stdout == f"stopped by {number.name}; 3 pages are kept; write on\n"


def test_whoever_catches_errors_does_not_catch_it() -> None:
    program = "def main():\n  ready()\n  while True:\n    try:\n      time.sleep(60)\n    except Exception:\n      pass\n"
    assert stopped(program).returncode == 130


def test_a_second_signal_does_not_break_the_end() -> None:
    program = "def main():\n  try:\n    ready()\n    time.sleep(60)\n  finally:\n    time.sleep(0.2)\n    print('in order', flush=True)\n"
    done = stopped(program, times=5)
    assert done.stdout.startswith("in order\n")
    assert done.returncode == 130


HANGS = """
child = subprocess.Popen(["sleep", "600"])
at_last(child.kill)
def main():
    keeps(lambda: "all is kept", "go on")
    try:
        ready(child.pid)
        time.sleep(60)
    finally:
        threading.Lock().acquire() and time.sleep(600)
"""


def test_an_end_that_hangs_is_cut_off_and_servers_are_killed() -> None:
    done = stopped(HANGS, head=IMPATIENT)
    assert done.returncode == 130
    assert "all is kept; go on" in done.stderr
    _gone(int(done.args))


STUCK = """
import ctypes
def main():
    libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    libc.pthread_mutex_lock(mutex)
    ready()
    libc.pthread_mutex_lock(mutex)
"""


def test_a_main_thread_that_sees_no_signal_is_cut_off_too() -> None:
    """Inside a call of a library that never returns."""
    assert stopped(STUCK, head=IMPATIENT).returncode == 130


def test_who_is_patient_is_not_cut_off() -> None:
    """A service manager waits for the drain."""
    program = (
        "def main():\n  with stoppable(patient=(signal.SIGTERM,)):\n    try:\n      ready()\n      time.sleep(60)\n"
        "    finally:\n      time.sleep(1.5)\n      print('drained', flush=True)\n"
    )
    assert stopped(program, signal.SIGTERM, head=IMPATIENT).stdout.startswith("drained\n")
    assert "drained" not in stopped(program, signal.SIGINT, head=IMPATIENT).stdout


def test_what_was_not_ended_in_order_is_killed_at_the_end() -> None:
    program = "child = subprocess.Popen(['sleep', '600'])\nat_last(child.kill)\ndef main():\n  ready(child.pid)\n"
    done = stopped(program + "  sys.exit(0)\n", 0)
    assert done.returncode == 0
    _gone(int(done.args))


def test_what_was_ended_is_not_killed() -> None:
    program = "forget = at_last(lambda: print('killed', flush=True))\nforget()\nforget()\ndef main():\n  ready()\n  time.sleep(60)\n"
    assert "killed" not in stopped(program).stdout


def test_nohup_is_respected() -> None:
    program = "def main():\n  ready()\n  time.sleep(0.3)\n  print('went on', flush=True)\n"
    ignoring = HEAD.replace("from wince", "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nfrom wince", 1)
    assert stopped(program, signal.SIGHUP, head=ignoring).stdout == "went on\n"


def test_a_closed_terminal_breaks_no_orderly_end(tmp_path: Path) -> None:
    """What is printed after it would fail, and everything that comes behind would not be done."""
    program = (
        "def main():\n  try:\n    time.sleep(60)\n  finally:\n    print('to nobody', flush=True)\n"
        f"    open({str(tmp_path / 'done')!r}, 'w').close()\n"
    )
    child, terminal = os.forkpty()
    if not child:
        os.execv(sys.executable, [sys.executable, "-c", HEAD + "ready()\n" + program + MAIN])
    assert b"ready" in os.read(terminal, 100)
    time.sleep(0.3)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert (tmp_path / "done").exists()


def _gone(pid: int) -> None:
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
