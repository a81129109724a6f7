"""What a container of an image runs, as whom, with which environment and labels: for the builder; a test holds the Containerfile to it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

from images.contents import ROOT

USER = "10001:10001"
ENVIRONMENT = {
    "PATH": "/opt/wince/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/var/lib/wince",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "WINCE_STATE_DIR": "/var/lib/wince",
    "WINCE_MODELS_DIR": "/var/lib/wince-models",
    "WINCE_LOG_JSON": "true",
}
TITLES = {
    "capture": "reads cameras, sends frames to detect",
    "detect": "finds faces in frames",
    "estimate": "scores faces",
    "grade": "grades windows",
    "record": "writes the record, delivers it, keeps the audit trail",
    "care": "takes what people decide",
    "hospital": "takes ADT over HL7 v2",
    "imaging": "takes DICOM objects and grades them",
    "torchserve": "runs a site's own ensemble beside estimate",
}


def version() -> str:
    """Of Wince."""
    found = re.search(r'VERSION = "(.+)"', (ROOT / "services/wince/version.py").read_text("utf-8"))
    assert found
    return found[1]


def created_s() -> int:
    """SOURCE_DATE_EPOCH, else the time of the commit."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or _git("show", "--no-patch", "--format=%ct", "HEAD") or 0)


def command(component: str) -> tuple[list[str], list[str]]:
    """Entrypoint and Cmd."""
    if component == "torchserve":
        return ["/opt/wince/bin/python", "-m", "torchserve_start"], []
    return ["wince"], ["serve", component]


def configuration(component: str) -> dict[str, Any]:
    """The config of an image, by the names of the image-spec. The environment gives IMAGE_REVISION and IMAGE_SOURCE, as build arguments
    do; else the commit, and no source."""
    entrypoint, words = command(component)
    labels = {
        "org.opencontainers.image.title": f"wince-{component}",
        "org.opencontainers.image.description": f"Wince: {TITLES[component]}",
        "org.opencontainers.image.version": version(),
        "org.opencontainers.image.revision": os.environ.get("IMAGE_REVISION") or _git("rev-parse", "HEAD"),
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.source": os.environ.get("IMAGE_SOURCE", ""),
    }
    return {
        "User": USER,
        "Env": [f"{key}={value}" for key, value in ENVIRONMENT.items()],
        "Entrypoint": entrypoint,
        "Cmd": words,
        "WorkingDir": "/",
        "Labels": {key: value for key, value in labels.items() if value},
        "StopSignal": "SIGTERM",
    }


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
