"""Definitions of the custom resources that the chart may make, as their own projects publish them, and what is wrong with a resource.

cert-manager, CloudNativePG, the Gateway API, KEDA and the Prometheus operator keep theirs in their Go modules; Strimzi's are written by its
own generator from its own classes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.kube.tools import LIMIT_S, peer_folder
from wince.errors import WinceError
from wince.local import maven, peer_cache

STRIMZI = {"kafkatopics": "topic.KafkaTopic", "kafkausers": "user.KafkaUser"}


def definitions() -> list[dict[str, Any]]:
    """All of them. The test is skipped, saying why, where they can't be had; with CI=true that fails (marker `peer`)."""
    files = [*sorted(peer_folder("crds", "schemas of custom resources").glob("*.yaml")), *sorted(_strimzi().glob("*.yaml"))]
    return [dict(one) for path in files for one in yaml.load_all(path.read_text(), yaml.CSafeLoader) if one]


def problems(resource: dict[str, Any]) -> list[str] | None:
    """What is wrong with a custom resource, fields that its definition doesn't know among it; None where nobody defines its kind."""
    if (schema := _schemas().get((resource["apiVersion"], resource["kind"]))) is None:
        return None
    found = jsonschema.Draft202012Validator(schema).iter_errors(resource)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


@cache
def _schemas() -> dict[tuple[str, str], dict[str, Any]]:
    """By (apiVersion, kind), closed: a field that isn't declared is an error."""
    found = {}
    for definition in definitions():
        spec = definition["spec"]
        for version in spec["versions"]:
            if version["served"]:
                schema = _closed(version["schema"]["openAPIV3Schema"])
                schema["properties"] |= {"metadata": {"type": "object"}, "apiVersion": {"type": "string"}, "kind": {"type": "string"}}
                found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema that says what a structural schema of Kubernetes means. Its rules in CEL are left to the API server."""
    made = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes") and key not in ("nullable", "description")}
    if schema.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        return made | {"type": ["integer", "string"]}
    if isinstance(schema.get("items"), dict):
        made["items"] = _closed(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = _closed(schema["additionalProperties"])
    if "properties" in schema:
        made["properties"] = {name: _closed(part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


@cache
def _strimzi() -> Path:
    """A folder of the cache with Strimzi's definitions, generated where that was not done yet."""
    target = peer_cache.cache() / f"strimzi-crds-{peer_cache.digest([peer_cache.SOURCES / 'strimzi' / 'pom.xml'])}"
    try:
        classes = maven.classpath("strimzi")
        peer_cache.make(target, lambda out: _generate(classes, out), "java")
    except WinceError as error:
        pytest.skip(f"Strimzi's definitions can't be had: {error.message}")
    return target


def _generate(classes: str, out: Path) -> None:
    kinds = [f"io.strimzi.api.kafka.model.{name}={out / f'{file}.yaml'}" for file, name in STRIMZI.items()]
    command = ["java", "-cp", classes, "io.strimzi.crdgenerator.CrdGenerator", "--yaml", *kinds]
    peer_cache.run(command, out, limit_s=LIMIT_S, remedy="read what it says")
