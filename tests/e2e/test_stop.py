"""Somebody stops Wince at a bad moment: it ends soon, says what is kept and how to go on, leaves no server, and loses nothing."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.test_run import same_story
from tests.e2e.wince_run import AT, environment, run
from wince.local import leftovers, maven
from wince.testing import clips

WINCE = (sys.executable, "-m", "wince.cli.main")
STOPS = 6
SOON_S = 30
"""A quiet machine needs 1 s, and 5 are promised; a machine on which the suite runs twice over is not quiet."""
pytestmark = pytest.mark.slow


def left(state: Path) -> list[int]:
    """Processes that work on a state directory."""
    return leftovers.running(lambda _pid, command: any(str(state) in word for word in command))


def stopped(state: Path, command: tuple[str, ...], *, lines: int = 0, after: str = "", pause_s: float = 0.0) -> tuple[int, str]:
    """Start, read so many lines or until one holds `after`, wait, press Ctrl-C. Gives exit code and what was said then."""
    env = environment(state, **({"WINCE_TIME_ZONE": "UTC"} if "up" in command else {}))
    with subprocess.Popen(
        [*WINCE, *command], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout, 1):
            if (after and after in line) or number == lines:
                break
        time.sleep(pause_s)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON_S)
    return process.returncode, said


@pytest.mark.timeout(600)
def test_ctrl_c_at_any_moment_of_a_run(state_dir: Path) -> None:
    """At six moments of one run, each going on where the last one was stopped: the same entries as without, each once."""
    bed = f"--clip=ICU^1^A={clips.clip('bed1')}"
    whole = run(state_dir / "whole", bed)
    assert whole.returncode == 0, whole.stderr
    chance, state = random.Random(7), state_dir / "state"
    for number in range(STOPS):
        lines = 1 + len(whole.events) * number // (2 * STOPS)
        code, said = stopped(state, ("run", "--json", "--at", AT, bed), lines=lines, pause_s=chance.uniform(0, 0.4))
        assert code in (0, 130), said
        assert code == 0 or re.search("goes on|begins again", said)
        assert left(state) == []
    again = run(state, bed)
    assert again.returncode == 0, again.stderr
    assert again.result["observations"] == len(again.result["entries"]) == again.result["in_ehr"]
    assert same_story(again) == same_story(whole)


def test_a_terminal_that_is_closed_ends_the_database_too(state_dir: Path) -> None:
    """The shell's window is gone: SIGHUP, and nobody reads what is printed."""
    state = state_dir / "state"
    child, terminal = os.forkpty()
    if not child:
        os.execve(sys.executable, [*WINCE, "run"], environment(state))
    said = b""
    while b"admitted" not in said:
        said += os.read(terminal, 4096)
    assert left(state)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGHUP
    assert left(state) == []


def test_ctrl_c_keeps_the_results_of_assess(state_dir: Path) -> None:
    """Workers end too; the same command goes on with the others."""
    state, videos = state_dir / "state", [str(clips.clip(name)) for name in ("bed1", "bed2", "bed3")]
    command = [*WINCE, "assess", *videos, "--jobs", "2", "--json", str(state_dir / "all.json")]
    with subprocess.Popen(command, env=environment(state), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 120
        while not list((state / "assess").glob("*.json.gz")) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=SOON_S)
    assert process.returncode == 130, said
    assert re.search(r"stopped by SIGINT; [12] of 3 results are kept; the same command goes on with the others", said)
    assert "Traceback" not in said
    assert leftovers.running(lambda _pid, words: videos[0] in words) == []
    subprocess.run(command, env=environment(state), check=True, capture_output=True, timeout=240)
    assert len(list((state / "assess").glob("*.json.gz"))) == 3


@pytest.mark.peer
@pytest.mark.parametrize("pause_s", [0.0, 2.5], ids=["while it is made", "while it starts"])
def test_ctrl_c_while_kafka_starts(state_dir: Path, pause_s: float) -> None:
    if reason := maven.available():
        pytest.skip(reason)
    maven.classpath("kafka")
    state = state_dir / "state"
    code, said = stopped(state, ("up",), after="kafka", pause_s=pause_s)
    assert code == 130, said
    assert f"what is committed is kept in {state}" in said
    assert left(state) == []
