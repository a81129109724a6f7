"""What the chart makes of its value sets, rendered by a real Helm once a session."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from tests.support.kube.tools import Helm

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts/wince"
SETS = tuple(sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml")))
RELEASE, NAMESPACE = "icu", "ward"
NAME = f"{RELEASE}-wince"
Manifest = dict[str, Any]
_FOLDERS: dict[str, TemporaryDirectory[str]] = {}


@cache
def helm(peer: str) -> Helm:
    """One major of Helm; the test is skipped where it can't be had. Its files go when the process ends."""
    folder = _FOLDERS.setdefault(peer, TemporaryDirectory(prefix="wince-helm-"))
    return Helm(peer, Path(folder.name))


@cache
def manifests(peer: str, values: str, *arguments: str) -> tuple[Manifest, ...]:
    """Everything that a value set of ci/ renders to. Raises AssertionError with what Helm said."""
    done = helm(peer).run("template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", values_file(values), *arguments)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(one for one in yaml.load_all(done.stdout, Loader=loader) if one)


def refusal(peer: str, values: str, *arguments: str) -> str:
    """What Helm says where the chart refuses; empty where it doesn't."""
    done = helm(peer).run("template", RELEASE, CHART, "--namespace", NAMESPACE, "--values", values_file(values), *arguments, check=False)
    return "" if done.returncode == 0 else done.stderr


def values_file(values: str) -> Path:
    """Of a set of ci/."""
    return CHART / "ci" / f"{values}-values.yaml"


@cache
def facts() -> dict[str, Any]:
    """files/wince.json."""
    found: dict[str, Any] = json.loads((CHART / "files/wince.json").read_text())
    return found


def of_kind(made: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [one for one in made if one["kind"] in kinds]


def named(made: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """The one of a kind and name."""
    (found,) = [one for one in made if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


@dataclass(frozen=True)
class Pod:
    """A pod template, and whose."""

    owner: Manifest

    @property
    def component(self) -> str:
        """The component's name; migrate for the Job, retention for the CronJob, test for the Job of `helm test`."""
        found: str = self.labels["app.kubernetes.io/component"]
        return found

    @property
    def template(self) -> Manifest:
        """Metadata and spec."""
        spec = self.owner["spec"]
        found: Manifest = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]
        return found

    @property
    def spec(self) -> Manifest:
        """Its spec."""
        found: Manifest = self.template["spec"]
        return found

    @property
    def labels(self) -> dict[str, str]:
        """Its labels."""
        found: dict[str, str] = self.template["metadata"]["labels"]
        return found

    @property
    def containers(self) -> list[Manifest]:
        """Containers and init containers."""
        return [*self.spec["containers"], *self.spec.get("initContainers", ())]

    @property
    def main(self) -> Manifest:
        """The container of the component itself."""
        found: Manifest = self.spec["containers"][0]
        return found

    def files(self) -> set[str]:
        """Every file that the projected volume puts below /etc/wince."""
        (volume,) = [one for one in self.spec["volumes"] if one["name"] == "etc"]
        items = [item for source in volume["projected"]["sources"] for one in source.values() for item in one["items"]]
        return {f"/etc/wince/{item['path']}" for item in items}


def pods(made: tuple[Manifest, ...]) -> list[Pod]:
    """Every pod template."""
    return [Pod(one) for one in of_kind(made, "Deployment", "StatefulSet", "Job", "CronJob")]


def services(made: tuple[Manifest, ...]) -> list[Pod]:
    """Pod templates of components."""
    return [pod for pod in pods(made) if pod.owner["kind"] in ("Deployment", "StatefulSet")]


def pod(made: tuple[Manifest, ...], component: str) -> Pod:
    """The pod template of a component."""
    (found,) = [one for one in pods(made) if one.component == component]
    return found


def settings(made: tuple[Manifest, ...], component: str) -> dict[str, Any]:
    """wince.toml of a component."""
    return tomllib.loads(named(made, "ConfigMap", f"{NAME}-{component}")["data"]["wince.toml"])


def texts(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value
