"""What the chart's tests stand on: the control plane refuses and controls as a real one does, and its fake nodes do what they are told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.kube.cluster import Cluster, condition

pytestmark = [pytest.mark.peer, pytest.mark.kube]

SAFE = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
UP = """
import sys, time
from pathlib import Path
from tests.support.kube.cluster import Cluster

with Cluster(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(300)
"""


def pod(name: str, image: str = "example.test/x:1", restart: str = "Always", **container: Any) -> dict[str, Any]:
    spec = {
        "restartPolicy": restart,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "image": image, "securityContext": SAFE, **container}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_pods_become_what_their_restart_policy_and_image_say(cluster: Cluster, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    wanted = {"stays": "Running", "ends": "Succeeded", "fails": "Failed", "waits": "Pending"}
    for made in (
        pod("stays"),
        pod("ends", restart="Never"),
        pod("fails", "example.test/x:broken", "Never"),
        pod("waits", "example.test/x:hangs"),
    ):
        cluster.api.post(path, json=made).raise_for_status()
    cluster.wait(lambda: {one["metadata"]["name"]: one["status"]["phase"] for one in cluster.items(path)} == wanted, "the pods did so")
    assert condition(cluster.get(f"{path}/stays"), "Ready") == "True"
    assert condition(cluster.get(f"{path}/waits"), "Ready") != "True"


def test_the_restricted_profile_is_enforced(cluster: Cluster, namespace: str) -> None:
    answer = cluster.api.post(f"/api/v1/namespaces/{namespace}/pods", json=pod("root", securityContext={"privileged": True}))
    assert answer.status_code == 403
    assert "violates PodSecurity" in answer.json()["message"]


def test_a_strict_dry_run_refuses_a_field_that_does_not_exist(cluster: Cluster, namespace: str) -> None:
    command = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-"]
    assert "serverside-applied" in cluster.kubectl(*command, given=json.dumps(pod("good"))).stdout
    refused = cluster.kubectl(*command, given=json.dumps(pod("bad", imagePullPolic="Always")), check=False)
    assert refused.returncode != 0
    assert "imagePullPolic: field not declared in schema" in refused.stderr


@pytest.mark.slow
def test_no_process_of_a_cluster_outlives_the_tests_that_are_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", UP, str(tmp_path / "cluster")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    begun = psutil.Process(process.pid).children(recursive=True)
    assert {child.name() for child in begun} >= {"server", "kube-apiserver", "kube-scheduler", "kwok"}
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    deadline = time.monotonic() + 60
    while any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in begun):
        assert time.monotonic() < deadline
        time.sleep(0.05)
