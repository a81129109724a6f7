"""What a killed `wince up` left running is ended by the next one on that state directory, and nothing else is."""

import os
import subprocess
import sys
import time
from pathlib import Path

from wince.local.leftovers import end_outlived, running

WAITS = "import time; print('up', flush=True); time.sleep(60)"


def start(root: Path, *arguments: str, code: str = WAITS) -> subprocess.Popen[str]:
    environment = {**os.environ, "WINCE_STATE_DIR": str(root)}
    made = subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "up\n"
    return made


def test_services_and_servers_of_that_directory_end_and_no_others(tmp_path):
    """A service that hangs in its drain, a broker that knows nothing of it; not another installation's, whose name begins alike."""
    mine, other = tmp_path / "a", tmp_path / "ab"
    ours = [start(mine, "serve", "grade", "--supervised"), start(mine, f"-Dfile={mine}/kafka/log4j2.properties")]
    theirs = [start(other, "serve", "grade", "--supervised"), start(other, f"-Dfile={other}/kafka/x"), start(mine, "serve", "grade")]
    try:
        assert end_outlived(mine, drain_s=0.1) == 2
        assert [one.wait(10) for one in ours] == [-9, -9]
        assert [one.poll() for one in theirs] == [None] * 3
    finally:
        for one in (*ours, *theirs):
            one.kill()
            one.communicate()


def test_a_service_that_drains_is_let(tmp_path):
    """It ends by itself, with what it had begun."""
    code = "import time; print('up', flush=True); time.sleep(0.5); raise SystemExit(3)"
    drains = start(tmp_path, "serve", "record", "--supervised", code=code)
    began = time.monotonic()
    assert end_outlived(tmp_path, drain_s=60) == 1
    assert time.monotonic() - began < 50
    assert drains.communicate() == ("", None)
    assert drains.returncode == 3


def test_this_process_is_not_among_the_others():
    assert os.getpid() not in running(lambda _pid, _command: True)
