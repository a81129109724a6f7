"""A service of `wince up` ends as soon as it has drained."""

import subprocess
import sys

PROGRAM = """
import atexit, sys
from wince.cli.serve import serve
from wince.serve import process
process.serve = lambda *_, **__: print("drained")
atexit.register(print, "taken apart")
serve("care", supervised=sys.argv[1] == "supervised")
"""


def end_of(how: str) -> str:
    """What a service says at its end."""
    return subprocess.run([sys.executable, "-c", PROGRAM, how], check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_supervised_service_ends_at_once_with_all_that_it_said():
    """Without the interpreter's own end, which takes up to half a second of the drain; nothing of the output is lost."""
    assert end_of("supervised") == "drained\n"
    assert end_of("alone") == "drained\ntaken apart\n"
