"""Every object that the chart makes is one that Kubernetes, or the operator whose resource it is, knows: no unknown kind passes."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from tests.support.kube import crds
from tests.support.kube.chart import Object, name
from tests.unit.chart.rendered import CHART, SETS, manifests

OURS = re.search(r">=1\.(\d+)", yaml.safe_load((CHART / "Chart.yaml").read_text())["kubeVersion"])
assert OURS
VERSIONS = [f"1.{minor}" for minor in range(int(OURS[1]), int(kubernetes_validate.latest_version().split(".")[1]) + 1)]
"""From the oldest that Chart.yaml allows to the newest whose schemas are here."""


@cache
def registry(version: str) -> Registry[Any]:
    """The definitions that schemas of a version refer to: read once, since they take a second, and each object needs them."""
    path = f"kubernetes-json-schema/v{version}.0-local-strict/_definitions.json"
    return Resource.from_contents(schema_contents(path, version)) @ Registry()


@cache
def validator(kind: str, group: str, version: str) -> jsonschema.Draft202012Validator | None:
    """kubernetes-validate's strict check of a kind, where it has its schema: where it hasn't, its own command warns and passes."""
    try:
        schema = schema_contents(f"kubernetes-json-schema/v{version}.0-local-strict/{kind.lower()}-{group}.json", version)
    except FileNotFoundError:
        return None
    return jsonschema.Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry(version))


def wrong(one: Object, version: str) -> list[str]:
    """What is wrong with an object; a kind that nobody knows is wrong, too."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", one["apiVersion"])
    core = validator(one["kind"], group, version)
    found = crds.problems(one) if core is None else [error.message for error in core.iter_errors(one)]
    return [f"{name(one)}: {each}" for each in ([f"unknown kind {one['apiVersion']}"] if found is None else found)]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_objects_of_every_value_set_are_valid(version: str) -> None:
    assert [problem for values in SETS for one in manifests("helm4", values) for problem in wrong(one, version)] == []


def test_the_value_sets_show_every_kind_that_the_chart_can_make() -> None:
    """A template that no value set turns on would be tried by nobody."""
    written = set()
    for template in (CHART / "templates").rglob("*.yaml"):
        written |= set(re.findall(r"(?m)^kind: (\w+)", template.read_text()))
    made = {one["kind"] for values in SETS for one in manifests("helm4", values)}
    assert written - made == set()


@pytest.mark.parametrize("spoilt", ["apiVersion", "spec"])
def test_what_is_not_known_is_found(spoilt: str) -> None:
    """The check itself: an unknown kind and an unknown field are errors, in core kinds and custom ones."""
    found = [one for values in SETS for one in manifests("helm4", values)]
    for kind in ("Deployment", "ScaledObject", "ServiceMonitor", "PrometheusRule", "Certificate", "KafkaTopic", "KafkaUser", "Cluster"):
        good = next(one for one in found if one["kind"] == kind)
        bad = good | ({"apiVersion": "nobody.example/v1"} if spoilt == "apiVersion" else {"spec": good["spec"] | {"unheardOf": 1}})
        assert wrong(good, VERSIONS[-1]) == []
        assert wrong(bad, VERSIONS[-1]) != [], kind
