"""One broker of three cut off from the others, really: it runs, clients reach it, it thinks it leads; frames to the others vanish."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import netns
from wince.testing.peers import available

# No `peer`: a machine that runs all peers need not permit namespaces; test_kafka_chaos.py's frozen broker is the next best thing there.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_broker_cut_off_from_the_others_for_20_s(tmp_path: Path) -> None:
    """What the two others lead goes on; what the lone one takes is never acknowledged; nothing acknowledged is lost."""
    for reason in (available(), netns.why_not()):
        if reason:
            pytest.skip(reason)
    command = [*netns.private(), sys.executable, "-m", "tests.integration.kafka_cut", str(tmp_path), "20"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=500, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    print(told)
    assert told["lasted_s"] >= 20
    assert told["runs"]
    assert told["thinks_it_leads"] == [True, True], "its own view did not change: it was told nothing"
    assert told["moved"], "the others chose another leader"
    assert told["healed"], "it takes part again"
    assert (told["lost"], told["refused"]) == (0, 0), told
    assert told["in_order"]
