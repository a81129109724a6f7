"""What an operator does with a release, under both majors of Helm: install, upgrade, roll back, uninstall, and what fails on the way.

The nodes are fake: that the containers themselves run is tried elsewhere, without a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.kube.chart import Object, objects, references, templates
from tests.support.kube.cluster import Cluster
from tests.support.kube.tools import HELMS, Helm
from tests.unit.chart.rendered import CHART, values_file

pytestmark = [pytest.mark.peer, pytest.mark.kube]

WAIT = ("--wait", "--timeout", "120s")
SETS = ("--set", "migration.backoffLimit=0")
"""A migration that fails is tried again after ten seconds, then twenty: nothing to wait for here."""


class Release:
    """The chart in a namespace, by one major of Helm."""

    def __init__(self, helm: Helm, cluster: Cluster, namespace: str, values: Path) -> None:
        self.helm, self.cluster, self.namespace, self._values = helm, cluster, namespace, values

    def run(self, command: str, *more: str, check: bool = True) -> bool:
        """install, upgrade or template with the values; whether it succeeded."""
        where = ("--namespace", self.namespace)
        return self.helm.run(command, "ward", CHART, *where, "--values", self._values, *SETS, *more, check=check).returncode == 0

    def also(self, *command: str, check: bool = True) -> str:
        """rollback, uninstall, history: what it said."""
        return self.helm.run(*command, "--namespace", self.namespace, check=check).stdout

    def objects(self) -> list[Object]:
        """What the chart makes with the values."""
        said = self.helm.run("template", "ward", CHART, "--namespace", self.namespace, "--values", self._values, *SETS)
        return objects(said.stdout)

    def workloads(self) -> dict[str, Object]:
        """Deployments and StatefulSets that are there, by name."""
        found = [*self._list("apps/v1", "deployments"), *self._list("apps/v1", "statefulsets")]
        return {one["metadata"]["name"]: one for one in found}

    def templates(self) -> dict[str, Object]:
        """Their pod templates."""
        return {name: one["spec"]["template"] for name, one in self.workloads().items()}

    def ready(self) -> dict[str, int]:
        """Ready pods by workload."""
        return {name: one["status"].get("readyReplicas", 0) for name, one in self.workloads().items()}

    def pods(self) -> list[Object]:
        return self._list("v1", "pods")

    def missing(self) -> list[str]:
        """Secrets, ConfigMaps, claims and keys that pods name and that aren't there: with real nodes, no pod would start."""
        found = []
        for label, template in templates(list(self.workloads().values())):
            for (kind, name), keys in references(template).items():
                there = self.cluster.get(f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s/{name}")
                held = {*there.get("data", ()), *there.get("binaryData", ())}
                if not there or keys - held:
                    found.append(f"{label}: {kind} {name} {sorted(keys - held)}")
        return found

    def give_secrets(self) -> None:
        """What the values name as existing: made by a person, never by the chart."""
        made = {("ConfigMap", one["metadata"]["name"]) for one in self.objects() if one["kind"] == "ConfigMap"}
        wanted: dict[tuple[str, str], set[str]] = {}
        for _, template in templates(self.objects()):
            if priority := template["spec"].get("priorityClassName"):
                self.cluster.api.post("/apis/scheduling.k8s.io/v1/priorityclasses", json={"metadata": {"name": priority}, "value": 1000})
            for key, keys in references(template).items():
                if key not in made:
                    wanted.setdefault(key, set()).update(keys)
        for (kind, name), keys in wanted.items():
            body: dict[str, Any] = {"metadata": {"name": name}}
            body |= {"stringData" if kind == "Secret" else "data": dict.fromkeys(keys, "x")}
            if kind == "PersistentVolumeClaim":
                body = {
                    "metadata": {"name": name},
                    "spec": {"accessModes": ["ReadOnlyMany"], "resources": {"requests": {"storage": "1Gi"}}},
                }
            self.cluster.api.post(f"/api/v1/namespaces/{self.namespace}/{kind.lower()}s", json=body).raise_for_status()

    def left(self) -> set[str]:
        """Kind/name of whatever is in the namespace and belongs to the release, the claims of its StatefulSets left out."""
        kinds = "deployments,statefulsets,replicasets,pods,jobs,services,configmaps,secrets,serviceaccounts,networkpolicies,roles"
        kinds += ",rolebindings,poddisruptionbudgets,horizontalpodautoscalers,ingresses"
        said = self.cluster.kubectl("get", kinds, "-n", self.namespace, "-l", "app.kubernetes.io/instance=ward", "-o", "name").stdout
        return set(said.split())

    def _list(self, group: str, kind: str) -> list[Object]:
        root = "/api/v1" if group == "v1" else f"/apis/{group}"
        kinds = {"deployments": "Deployment", "statefulsets": "StatefulSet", "pods": "Pod"}  # items of a list don't say
        return [one | {"kind": kinds[kind]} for one in self.cluster.items(f"{root}/namespaces/{self.namespace}/{kind}")]


@pytest.fixture
def release(request: pytest.FixtureRequest, cluster: Cluster, namespace: str) -> Release:
    """Nothing is installed yet; the Secrets that the values name are there. Helm 4, where a test doesn't ask for another."""
    made = Release(cluster.helm(getattr(request, "param", "helm4")), cluster, namespace, values_file("minimal"))
    made.give_secrets()
    return made


@contextmanager
def rolls(release: Release) -> Iterator[set[str]]:
    """The names of workloads whose pod templates changed within the block, known after it."""
    before, changed = release.templates(), set[str]()
    yield changed
    changed |= {name for name, template in release.templates().items() if template != before.get(name)}


@pytest.mark.parametrize("release", HELMS, indirect=True)
def test_a_release_from_install_to_uninstall(release: Release) -> None:
    """One story for each major of Helm, since an install takes seconds and each step needs one."""
    release.run("install", *WAIT)
    first, ready = release.templates(), release.ready()
    assert ready == {name: one["spec"].get("replicas", 1) for name, one in release.workloads().items()}
    assert release.missing() == []
    assert "Succeeded" in release.also("test", "ward", "--timeout", "60s")

    with rolls(release) as changed:  # pods start again where their own settings change, and only there
        release.run("upgrade", *WAIT, "--set", "components.grade.settings.log_level=debug")
    assert changed == {"ward-wince-grade"}

    with rolls(release) as changed:
        release.run("upgrade", *WAIT, "--set", "image.tag=9.9.9", "--set", "components.detect.replicas=2")
    assert changed == set(first)
    assert all(one["spec"]["containers"][0]["image"].endswith(":9.9.9") for one in release.templates().values())
    assert release.ready() == ready | {"ward-wince-detect": 2}
    second = release.templates()

    assert not release.run("upgrade", *WAIT, "--set", "image.tag=broken", check=False)  # its migration fails
    assert release.templates() == second
    assert release.ready() == ready | {"ward-wince-detect": 2}
    assert "failed" in release.also("history", "ward")

    release.also("rollback", "ward", "1", *WAIT)
    assert release.templates() == first
    assert release.ready() == ready

    release.also("uninstall", "ward", *WAIT)
    failed = ("job.batch/ward-wince-migrate", "pod/ward-wince-migrate-")  # stays a day for its log, then Kubernetes removes it
    release.cluster.wait(lambda: all(one.startswith(failed) for one in release.left()), "nothing else of the release is left")


def test_the_same_values_start_nothing_again_and_a_new_secret_all(release: Release) -> None:
    release.run("install", *WAIT)
    with rolls(release) as changed:
        release.run("upgrade", *WAIT)
    assert changed == set()
    with rolls(release) as changed:
        release.run("upgrade", "--set-string", "secrets.revision=2")
    assert changed == set(release.templates())


def test_a_first_migration_that_fails_starts_no_pod_of_a_service(release: Release) -> None:
    assert not release.run("install", *WAIT, "--set", "image.tag=broken", check=False)
    assert release.workloads() == {}


def test_what_the_control_plane_cannot_see_is_found(release: Release) -> None:
    """An image that never becomes Ready takes no pod away. A Secret that is absent is named: fake nodes would start pods without it."""
    release.run("install", *WAIT)
    ready = release.ready()
    assert not release.run("upgrade", "--wait", "--timeout", "5s", "--set", "components.detect.image.tag=hangs", check=False)
    assert release.ready() == ready
    release.cluster.api.delete(f"/api/v1/namespaces/{release.namespace}/secrets/wince-audit-key").raise_for_status()
    assert release.missing() == ["StatefulSet/ward-wince-record: Secret wince-audit-key ['audit.pem']"]


def test_evictions_leave_a_component_one_pod(operators: Cluster, namespace: str) -> None:
    """Draining nodes: the disruption budget lets one pod go, and refuses the next one until the first is replaced."""
    cluster = operators  # whose custom resources the value set makes
    release = Release(cluster.helm("helm4"), cluster, namespace, values_file("high-availability"))
    release.give_secrets()
    release.run("install", *WAIT)
    path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
    assert {one["metadata"]["name"] for one in cluster.items(path)} == set(release.workloads())
    scaled = cluster.items(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers")
    assert scaled
    for one in scaled:  # it finds what it scales, and keeps its least number without anybody's metrics
        target = one["spec"]["scaleTargetRef"]["name"]
        cluster.wait(lambda target=target, one=one: release.ready()[target] >= one["spec"]["minReplicas"], f"{target} is scaled")
    cluster.wait(lambda: cluster.get(f"{path}/ward-wince-care").get("status", {}).get("disruptionsAllowed") == 1, "the budget is known")
    own = [one["metadata"]["name"] for one in release.pods() if one["metadata"]["labels"]["app.kubernetes.io/component"] == "care"]
    assert len(own) >= 2
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.api.post(quotas, json={"metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}}).raise_for_status()  # nothing is replaced
    cluster.wait(lambda: cluster.get(f"{quotas}/full").get("status", {}).get("hard"), "the quota counts")
    assert [_evict(cluster, namespace, name) for name in own[:2]] == [201, 429]
    cluster.api.delete(f"{quotas}/full").raise_for_status()
    cluster.wait(lambda: _evict(cluster, namespace, own[1]) == 201, "the first is replaced")


def _evict(cluster: Cluster, namespace: str, pod: str) -> int:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
    return cluster.api.post(f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", json=body).status_code
