"""What a test asks of Kubernetes objects, whoever made them: names, pods, and what a pod can't start without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Object = dict[str, Any]


def objects(text: str) -> list[Object]:
    """Objects of a text in YAML. Raises AssertionError where a key stands twice, or two objects have the same name."""
    found = [one for one in yaml.load_all(text, _Strict) if one]
    names = [name(one) for one in found]
    assert len(names) == len(set(names)), f"twice: {sorted({one for one in names if names.count(one) > 1})}"
    return found


def name(one: Object) -> tuple[str, str, str]:
    """(kind, namespace, name): unique in a release."""
    return one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]


def templates(found: list[Object]) -> Iterator[tuple[str, Object]]:
    """(kind/name, pod template) of everything that makes pods; a pod is its own."""
    for one in found:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield f"{one['kind']}/{one['metadata']['name']}", one["spec"]["template"]
        elif one["kind"] == "Pod":
            yield f"Pod/{one['metadata']['name']}", one


def containers(template: Object) -> list[Object]:
    """All containers of a pod, those that initialize it first."""
    return [*template["spec"].get("initContainers", ()), *template["spec"]["containers"]]


def references(template: Object) -> dict[tuple[str, str], set[str]]:
    """(kind, name) of every ConfigMap, Secret and claim that a pod can't start without, and the keys that it takes of each.

    Fake nodes start pods all the same, so a test has to ask. What is marked optional is left out.
    """
    found: dict[tuple[str, str], set[str]] = {}

    def add(kind: str, source: Object | None, keys: list[str]) -> None:
        if source and not source.get("optional"):
            found.setdefault((kind, source.get("secretName") or source["name"]), set()).update(keys)

    for volume in template["spec"].get("volumes", ()):
        parts = [volume, *volume.get("projected", {}).get("sources", ())]
        for kind, key in (("Secret", "secret"), ("ConfigMap", "configMap")):
            for part in parts:
                add(kind, part.get(key), [item["key"] for item in (part.get(key) or {}).get("items", ())])
        if claim := volume.get("persistentVolumeClaim"):
            found.setdefault(("PersistentVolumeClaim", claim["claimName"]), set())
    for container in containers(template):
        for kind, key in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
            for variable in container.get("env", ()):
                source = variable.get("valueFrom", {}).get(key)
                add(kind, source, [source["key"]] if source else [])
        for kind, key in (("Secret", "secretRef"), ("ConfigMap", "configMapRef")):
            for source in container.get("envFrom", ()):
                add(kind, source.get(key), [])
    for pull in template["spec"].get("imagePullSecrets", ()):
        add("Secret", pull, [])
    return found


class _Strict(yaml.CSafeLoader):
    """Refuses a key that stands twice, of which YAML would keep the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]  # type: ignore[no-untyped-call]
        assert len(keys) == len(set(keys)), f"twice in one mapping: {sorted(str(key) for key in keys if keys.count(key) > 1)}"
        return super().construct_mapping(node, deep)
