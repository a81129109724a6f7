"""What the chart describes runs: a release is rendered, and a camera's pictures go through its own command lines to an Observation."""

import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.conftest import reachable
from tests.e2e.chart.node import Node, Started
from tests.e2e.chart.world import MODALITY, SERVICES, World
from tests.face_models import fetched
from tests.support import containers
from tests.support.containers import Ground
from tests.support.kube.tools import tool
from wince.settings import Settings
from wince.testing.peers import available

pytestmark = [pytest.mark.peer, pytest.mark.slow]


@pytest.fixture
def world() -> Iterator[tuple[World, Node]]:
    """The hospital, and a node for its release."""
    if reason := containers.why_not() or available():
        pytest.skip(f"pods can't run here: {reason}")
    tool("helm4", "helm")
    if shutil.which("echoscu") is None:
        assert not os.environ.get("CI"), "echoscu is not installed: apt install dcmtk"
        pytest.skip("echoscu is not installed: apt install dcmtk")
    fetched()
    with reachable() as directory, ExitStack() as stack:
        ground = stack.enter_context(Ground(directory / "pods"))
        made = World(directory, ground, stack)
        yield made, Node(ground, made.release(), Settings().models_dir)


def until(what: Callable[[], bool], running: list[Started], seconds: float = 240.0) -> None:
    """Wait for a state; fails where a container ends or time runs out."""
    deadline = time.monotonic() + seconds
    while not what():
        for made in running:
            assert not made.ended(), (made.ended(), made.said())
        assert time.monotonic() < deadline, "\n".join(made.said() for made in running)
        time.sleep(0.5)


@pytest.mark.timeout(600)
def test_a_clip_goes_through_the_rendered_workloads_to_an_observation(world: tuple[World, Node]) -> None:
    """Every pod under its own user, root, secrets and network; TLS on each way between machines; probes as kubelet asks them; what
    `helm test` runs finds nothing."""
    hospital, node = world
    release = hospital.release()
    pods = release.pods()
    assert set(release.timed()) == {"retention"}
    assert set(pods) == set(SERVICES)
    (migration,) = release.hooks("pre-install")
    node.complete(migration)
    running = [node.start(pod) for pod in pods.values()]
    for made in running:
        node.ready(made)
    (test,) = release.hooks("test")
    node.complete(test)
    assert hospital.echoes(node.entrance("dicom"), MODALITY)
    assert not hospital.echoes(node.entrance("dicom"), "STRANGER")
    hospital.admit(node.entrance("mllp"))
    until(lambda: "alert" in hospital.kinds(), running)

    charted = hospital.sandbox.resources("Observation")
    assert {one["subject"]["identifier"]["value"] for one in charted} == {"100234"}
    assert max(one["valueQuantity"]["value"] for one in charted if "valueQuantity" in one) > 6, "the clip shows pain"
    for made in running:
        (container,) = made.pod.containers
        assert node.probe(made, container.probes["liveness"])
        with urllib.request.urlopen(f"http://{made.address}:{container.ports['metrics']}/metrics", timeout=60) as answer:
            assert b"wince_" in answer.read()
    assert [node.stop(made) for made in reversed(running)] == [{component: 0} for component in reversed(pods)], "each drains by SIGTERM"
    node.complete(release.timed()["retention"])
    assert hospital.facts("retention") == 1
    (checkpoints,) = node.disk(pods["record"]).rglob("audit-checkpoints.jsonl")
    verified = hospital.verified(checkpoints)
    assert verified.returncode == 0, verified.stdout + verified.stderr
