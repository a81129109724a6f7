"""A foreign linter, kube-score, has nothing critical to say of any value set.

checkov was the other choice: 271 MB of packages and 2.7 s a run against a program of 16 MB, built in 34 s of CPU time, and 0.1 s a run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

import yaml

from tests.support.kube.tools import tool
from tests.unit.chart.rendered import Manifest, manifests

LEFT_OUT = {
    "container-image-pull-policy": "images are named by digest or by a version's tag, which doesn't change; a registry that is away must "
    "not keep a pod from starting again",
}
"""Checks that don't fit, and why. CPU limits are left out by a flag: a stream that is throttled loses frames."""
CRITICAL = 1
"""kube-score's grade; 5 is a warning, 10 is fine."""


def critical(found: Sequence[Manifest], *left_out: str) -> list[str]:
    """What is critical, by object and container; `left_out`: further checks that are not made."""
    command = [tool("kube-score", "kube-score"), "score", "--output-format", "json", "--kubernetes-version", "v1.30"]
    command += ["--ignore-container-cpu-limit", *(part for check in (*LEFT_OUT, *left_out) for part in ("--ignore-test", check)), "-"]
    said = subprocess.run(
        command, input=yaml.dump_all(found, Dumper=yaml.CSafeDumper), capture_output=True, text=True, timeout=120, check=False
    )
    return [
        f"{one['object_name']}: {check['check']['id']}: {(comment or {}).get('path', '')} {(comment or {}).get('summary', '')}"
        for one in json.loads(said.stdout)
        for check in one["checks"]
        if not check["skipped"] and check["grade"] <= CRITICAL
        for comment in check["comments"] or [None]
    ]


def test_nothing_is_critical(made: tuple[Manifest, ...]) -> None:
    """A site that turns the policies off has been told (NOTES.txt)."""
    off = () if any(one["kind"] == "NetworkPolicy" for one in made) else ("pod-networkpolicy",)
    assert critical(made, *off) == []


def test_the_linter_finds_what_is_critical() -> None:
    found = json.loads(json.dumps(manifests("helm4", "minimal")))
    deployment = next(one for one in found if one["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    del container["resources"]["limits"]
    container["image"] = container["image"].partition("@")[0].rpartition(":")[0] + ":latest"
    assert len(critical(found)) >= 2
