"""Reads images/compose.yaml as a container engine does, as far as Wince's own services go: what each runs, with which files, from which
image. `containers.Ground` starts it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.containers import Container

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def read(file: Path, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The file, its variables put in."""
    text = _VARIABLE.sub(lambda found: environment.get(found[1]) or found[2] or "", file.read_text("utf-8"))
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def component(service: Mapping[str, Any]) -> str:
    """Of the image that a service names; empty for one of others."""
    found = re.search(r"(?:^|/)wince-([a-z]+):", service["image"])
    return found[1] if found else ""


def ours(compose: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Services of Wince's images, those of a profile left out."""
    return {name: one for name, one in compose["services"].items() if component(one) and not one.get("profiles")}


def container(
    name: str, compose: Mapping[str, Any], folder: Path, volumes: Path, image: Mapping[str, str], entrypoint: list[str], root: list[Path]
) -> Container:
    """A service as a container. `folder`: the compose file's; `volumes`: named volumes are folders in it. `image`: the image's own
    environment. Fails for a key whose meaning isn't known here, so that a new one is thought of."""
    service = dict(compose["services"][name])
    mounts, kept = {}, {}
    for line in service.get("volumes", ()):
        outside, inside, *mode = line.split(":")
        if outside in compose["volumes"]:
            kept[inside] = volumes / outside
            kept[inside].mkdir(parents=True, exist_ok=True)
            os.chown(kept[inside], 10001, 10001)  # as an engine fills a new volume from the image
            continue
        assert mode == ["ro"], f"{name}: {line} can be written"
        mounts[inside] = folder / outside
    for one in service.get("secrets", ()):
        mounts[one["target"]] = folder / compose["secrets"][one["source"]]["file"]
    for path in mounts.values():
        assert path.exists(), f"{name}: {path} is not there"
    known = {
        *("image", "command", "environment", "volumes", "secrets", "tmpfs", "user", "read_only", "cap_drop", "security_opt", "restart"),
        *("stop_grace_period", "healthcheck", "depends_on", "ports", "profiles"),
    }
    assert set(service) <= known, f"{name}: {set(service) - known}"
    return Container(
        name=name,
        command=[*entrypoint, *service["command"]],
        environment={**image, **service["environment"]},
        mounts=mounts,
        volumes=kept,
        empty=[place.split(":")[0] for place in service.get("tmpfs", ())],
        user=service["user"],
        root=root,
    )
