"""Whether a server really serves a model set: each member by name and hash, the version, and the golden inference's numbers, each
member's and the fused ones.

A server's own word is not enough: TorchServe calls itself healthy without the model, while a worker can't start, and when the archive
was cut off and skipped.
"""

from __future__ import annotations

import numpy as np

from wince.domain.fusion import fuse_probabilities
from wince.errors import ModelFileError, Unavailable
from wince.serving.client import OipClient, Served
from wince.serving.manifest import Manifest, golden_clips

TOLERANCE = 1e-4


def check(client: OipClient, manifest: Manifest) -> None:
    """Returns where everything is as packed. Raises ModelFileError naming the member or version that is missing or differs, Unavailable
    where the server does not answer, ConfigError where the path of the service is wrong."""
    if not client.live():
        raise Unavailable("the inference server does not answer", field=client.target, remedy="start it, or correct its address")
    where, count = f"{manifest.name} {manifest.version}", len(manifest.golden)
    try:
        clips = golden_clips(manifest.clip)
        served = client.infer(manifest.name, manifest.version, manifest.golden, list(manifest.members), len(manifest.classes), clips)
    except Unavailable:
        if client.has(manifest.name, manifest.version):
            raise
        remedy = "its archive is absent or damaged, or its worker could not start: pack it again, and read the server's log"
        raise ModelFileError("the server does not have this version", field=where, remedy=remedy) from None
    if difference := differs(served, manifest):
        raise ModelFileError(difference, field=where, remedy="serve the archive that belongs to this manifest")
    if served.answer.status.any():
        raise ModelFileError(f"its golden inference gives status {served.answer.status.tolist()}", field=where)
    fused = [fuse_probabilities(rows, manifest.fusion, manifest.weights) for rows in zip(*_in_order(manifest), strict=True)]
    for name, rows in {**manifest.expected, "fused": fused}.items():
        got = served.answer.fused if name == "fused" else served.answer.members[name]
        apart = float(np.abs(got - np.array(rows, np.float32)).max())
        if not apart <= TOLERANCE:
            what = f"its golden inference differs by {apart:.2g} over {count} crops"
            raise ModelFileError(what, field=f"{where} {name}", remedy="the same OpenVINO on both sides; pack it again")


def _in_order(manifest: Manifest) -> list[tuple[tuple[float, ...], ...]]:
    return [manifest.expected[name] for name in manifest.members]


def differs(served: Served, manifest: Manifest) -> str:
    """What an answer says of itself that is not what was packed; empty: nothing. Cheap: asked of every answer."""
    if served.version != manifest.version:
        return f"the server answers version {served.version or '(none)'}"
    if missing := [name for name in manifest.members if name not in served.answer.members]:
        return f"members are missing: {', '.join(missing)}"
    if other := [name for name, digest in manifest.members.items() if served.hashes.get(name) != digest]:
        return f"members are other files: {', '.join(other)}"
    return "" if served.model_set == manifest.model_set else "it is another model set"
