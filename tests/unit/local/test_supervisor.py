"""Children are kept running, come back with backoff, are drained in reverse, and end with whoever started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from wince.errors import ResourceError
from wince.local.stopping import finish
from wince.local.supervisor import Child, Supervisor

SLEEPER = """
import pathlib, signal, sys, time
mark = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, lambda *_: (mark.write_text("down"), sys.exit(0)))
mark.write_text("up")
while True:
    time.sleep(1)
"""


def child(folder: Path, name: str, code: str = SLEEPER) -> Child:
    mark = folder / name
    return Child(name, [sys.executable, "-c", code, str(mark)], dict(os.environ), mark.exists, folder / f"{name}.log", ready_s=20)


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_comes_back_and_the_highest_rank_is_drained_first(tmp_path):
    """kill -9: another process; stop: SIGTERM to the highest rank first."""
    told = []
    children = [child(tmp_path, "a"), replace(child(tmp_path, "b"), rank=1)]
    with Supervisor(children, told=lambda who, what: told.append((who, what))) as running:
        before = running.pid("a")
        os.kill(before, signal.SIGKILL)
        until(lambda: running.pid("a") not in (None, before) and running.restarts("a") == 1)
        (tmp_path / "a").unlink()
        os.kill(running.pid("a"), signal.SIGKILL)
        until((tmp_path / "a").exists)
    assert [one for one in told if one[1] == "stopped"] == [("b", "stopped"), ("a", "stopped")]
    assert (tmp_path / "b").read_text() == "down"


PAIR = """
import pathlib, signal, sys, time
mark = pathlib.Path(sys.argv[1])
told = mark.with_suffix(".told")
other = mark.with_name("a.told" if mark.name == "b" else "b.told")
def end(*_):
    told.touch()
    while not other.exists():
        time.sleep(0.01)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
mark.write_text("up")
while True:
    time.sleep(1)
"""


def test_those_of_one_rank_drain_together(tmp_path):
    """Each ends only once the other was told to end as well; one after another neither would end by itself."""
    started = time.monotonic()
    with Supervisor([child(tmp_path, "a", PAIR), child(tmp_path, "b", PAIR)]) as running:
        processes = [running._kept[name].process for name in "ab"]
    assert [process.returncode for process in processes] == [0, 0]
    assert time.monotonic() - started < Child.drain_s


def test_one_that_drains_is_killed_where_there_is_no_time(tmp_path):
    """Cut off in the middle of a drain: the one that would not end is found and killed."""
    deaf = "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"
    running = Supervisor([child(tmp_path, "a", deaf)])
    running.start()
    process = running._kept["a"].process
    stopping = threading.Thread(target=running.stop, daemon=True)
    stopping.start()
    until(lambda: not running._thread.is_alive())
    finish()
    stopping.join(30)
    assert process.poll() == -signal.SIGKILL


def test_one_that_does_not_start_is_named_with_its_last_words(tmp_path):
    """And what had started is stopped."""
    bad = child(tmp_path, "bad", "print('no such table'); raise SystemExit(3)")
    bad.log.write_text("wince: an earlier trouble\n  remedy: what helped then\n")
    with pytest.raises(ResourceError) as error, Supervisor([child(tmp_path, "good"), bad]):
        pass
    assert "bad ended with exit code 3" in error.value.message
    assert "no such table" in error.value.message
    assert "earlier" not in error.value.message
    assert "then" not in error.value.remedy
    assert error.value.field == str(bad.log)
    until(lambda: (tmp_path / "good").read_text() == "down")


def test_an_error_of_the_command_line_is_the_cause_and_brings_its_remedy(tmp_path):
    """Whatever was logged behind it; also of a start that never becomes ready."""
    said = "print('wince: WINCE_X: is wrong\\n  remedy: correct it\\na later line', flush=True)"
    for end in ("raise SystemExit(4)", "import time; time.sleep(60)"):
        bad = replace(child(tmp_path, "bad", f"{said}; {end}"), ready_s=3)
        with pytest.raises(ResourceError) as error, Supervisor([bad]):
            pass
        assert "its last words: WINCE_X: is wrong" in error.value.message
        assert error.value.remedy == "correct it"


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "raise SystemExit(6)"], ids=["killed", "unavailable"])
def test_one_that_ends_while_it_starts_by_no_fault_of_its_own_is_started_again(tmp_path, end):
    """kill -9 at any moment, what it needs away at that moment: the others need not start anew for that."""
    first = "import os, pathlib\nonce = pathlib.Path(sys.argv[1] + '.once')\nif not once.exists():\n    once.touch()\n    "
    told = []
    away = "print('wince: b:9: no broker')"
    code = f"import sys\n{first}{away}; sys.stdout.flush(); {end}\n{SLEEPER}"
    with Supervisor([child(tmp_path, "a", code)], told=lambda _, what: told.append(what)) as running:
        assert running.ready("a")
    assert told == ["started", "ended" if "kill" in end else "ended: b:9: no broker", "started", "ready", "stopped"]
    assert (tmp_path / "a.once").exists()


def test_one_that_is_killed_at_every_start_is_named(tmp_path):
    """Not for ever."""
    with pytest.raises(ResourceError) as error, Supervisor([child(tmp_path, "a", "import os; os.kill(os.getpid(), 9)")]):
        pass
    assert "a was ended by SIGKILL" in error.value.message
    assert "it said nothing" in error.value.message


def test_children_see_that_the_supervisor_died(tmp_path):
    """Standard input ends, however it died."""
    code = "import os,sys,pathlib; p=pathlib.Path(sys.argv[1]); p.write_text('up'); os.read(0, 1); p.write_text('alone')"
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom tests.unit.local.test_supervisor import child\n"
        "from wince.local.supervisor import Supervisor\nimport time\n"
        f"with Supervisor([child(Path({str(tmp_path)!r}), 'c', {code!r})]):\n    time.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, str(script)], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}) as parent:
        until((tmp_path / "c").exists)
        parent.kill()
    until(lambda: (tmp_path / "c").read_text() == "alone")
