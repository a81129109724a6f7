"""The API server takes every object of every value set: fields, defaults, validation, admission, and the rules of custom resources."""

from __future__ import annotations

import json

import pytest

from tests.support.kube.chart import objects
from tests.support.kube.cluster import Cluster
from tests.unit.chart.rendered import CHART, SETS, manifests, values_file

pytestmark = [pytest.mark.peer, pytest.mark.kube]

COMMAND = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")


@pytest.mark.parametrize("values", SETS)
def test_a_strict_dry_run_takes_all_of_it_without_a_warning(values: str, operators: Cluster, namespace: str) -> None:
    """A warning is how Pod Security tells of a Deployment whose pods it will refuse."""
    text = operators.helm("helm4").run("template", "ward", CHART, "--namespace", namespace, "--values", values_file(values)).stdout
    elsewhere = {one["metadata"].get("namespace", namespace) for one in objects(text)} - {namespace}
    for name in elsewhere:
        operators.api.post("/api/v1/namespaces", json={"metadata": {"name": name}})
    said = operators.kubectl(*COMMAND, "--namespace", namespace, given=text)
    assert "Warning" not in said.stderr, said.stderr
    assert said.stdout.count("serverside-applied (server dry run)") == len(objects(text))


WRONG = {
    "ScaledObject": {"minReplicaCount": "many"},
    "Certificate": {"duration": 7},
    "KafkaTopic": {"partitions": 0},
    "ServiceMonitor": {"endpoints": [{"interval": "soon"}]},
    "Cluster": {"instances": 0},
    "HorizontalPodAutoscaler": {"minReplicas": 9, "maxReplicas": 3},
}
"""What each kind's own rules refuse, though its form is right."""


@pytest.mark.parametrize("kind", WRONG)
def test_a_custom_resource_that_its_definition_forbids_is_refused(kind: str, operators: Cluster, namespace: str) -> None:
    good = next(one for values in SETS for one in manifests("helm4", values) if one["kind"] == kind)
    bad = good | {"spec": good["spec"] | WRONG[kind]}
    bad["metadata"] = {key: value for key, value in bad["metadata"].items() if key != "namespace"}
    refused = operators.kubectl(*COMMAND, "--namespace", namespace, given=json.dumps(bad), check=False)
    assert refused.returncode != 0
    assert any(field in refused.stderr for field in WRONG[kind]), refused.stderr
