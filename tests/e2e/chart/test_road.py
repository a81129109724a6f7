"""What the chart describes runs: a release is rendered, and a camera's pictures go through its own command lines to an Observation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import reachable
from tests.face_models import fetched
from tests.support import netns
from tests.support.kube.tools import tool
from wince.testing.peers import available

pytestmark = [pytest.mark.peer, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("capture", "detect", "estimate", "grade", "record", "care", "hospital")


def why_not() -> str:
    """Why no pods can run here; empty where they can."""
    if os.geteuid() != 0:
        return "pods need root: a root, a user and a network each"
    return netns.why_not() or available()


@pytest.mark.timeout(600)
def test_a_clip_goes_through_the_rendered_workloads_to_an_observation() -> None:
    """Every pod under its own user, root, secrets and network; TLS on each way between machines; probes as kubelet asks them."""
    if reason := why_not():
        pytest.skip(reason)
    tool("helm4", "helm")
    fetched()
    with reachable() as directory:
        done = subprocess.run(
            [*netns.private(), sys.executable, "-m", "tests.e2e.chart.road", str(directory)],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=570, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-6000:]
    told = json.loads(done.stdout.splitlines()[-1])
    pods = {f"w-wince-{service}" for service in SERVICES}
    assert told["ready_s"].keys() == pods
    assert "alert" in told["kinds"]
    assert max(told["values"]) > 6, "the clip shows pain"
    assert told["subjects"] == ["100234"]
    assert told["live"] == told["metrics"] == dict.fromkeys(pods, True)
    assert told["codes"] == {pod: {pod.removeprefix("w-wince-"): 0} for pod in pods}, "each ends by SIGTERM, as process 1, within its grace"
    assert told["trail"] == 0, done.stderr[-3000:]
