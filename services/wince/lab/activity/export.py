"""Writes trained members as ONNX with a card: everything into a new folder beside, which then takes the old one's place.

ensemble.json        version, outputs, scales, members; each file's sha256; recipe, seeds, figures, licence notice, what it is not
MEMBER.onnx          x (n, *shape) -> embedding (n, k), mean (n, outputs), log_variance (n, outputs)
MEMBER_personal.onnx embedding, calm (n, k) -> mean, log_variance
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from wince.errors import ResourceError
from wince.lab.activity.train import torch_module
from wince.lab.corpus import recipe
from wince.models.activity import CARD as CARD_FILE
from wince.models.activity import EMBEDDING, KINDS, OUTPUTS, SCALES, VERSION

WORDS: dict[str, str] = {
    "what": "intensities of action units, PSPI and gated facial activity of a rendered head, from the face mesh's inner map, its points "
    "and a small grey crop",
    "not": "a clinical pain score: trained on drawn faces; its truth is a generator's weights, not FACS codes; validated on no patient",
    "licence": "Apache-2.0; drawn from the ICT-FaceKit head (MIT, USC Institute for Creative Technologies); reads MediaPipe's Face Mesh V2 "
    "and Blendshapes V2 (Apache-2.0)",
}


def export(models: dict[str, Any], kinds: dict[str, str], folder: Path, card: dict[str, Any]) -> None:
    """Write `models` (torch) and their card; both by member's name. Raises ResourceError where that can't be; the old folder stays."""
    part, old = folder.with_name(folder.name + ".part"), folder.with_name(folder.name + ".old")
    try:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(parents=True)
        for name, model in models.items():
            _member(name, kinds[name], model, part)
        files = sorted(part.glob("*.onnx"))
        content = {
            **WORDS,
            "version": VERSION,
            "corpus_version": recipe.VERSION,
            "outputs": list(OUTPUTS),
            "scales": [float(scale) for scale in SCALES],
            "members": kinds,
            "files": {file.name: {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "bytes": file.stat().st_size} for file in files},
            **card,
        }
        (part / CARD_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.replace(folder)
        what = "the disk is full" if error.errno == errno.ENOSPC else f"can't be written ({type(error).__name__})"
        raise ResourceError(what, field=folder, remedy="make room and run it again; the last ensemble stays") from error


def _member(name: str, kind: str, model: Any, folder: Path) -> None:
    torch = torch_module()
    from wince.lab.activity.nets import PersonalHead

    model.eval()
    some, few, calm = torch.zeros(2, *KINDS[kind]), torch.zeros(2, EMBEDDING[kind]), torch.zeros(2, EMBEDDING[kind])  # no two the same one
    n = torch.export.Dim("n", min=1, max=65536)
    jobs = (
        (model, (some,), ["x"], ["embedding", "mean", "log_variance"], f"{name}.onnx"),
        (PersonalHead(model).eval(), (few, calm), ["embedding", "calm"], ["mean", "log_variance"], f"{name}_personal.onnx"),
    )
    for net, example, names_in, names_out, file in jobs:
        torch.onnx.export(
            net, example, folder / file, input_names=names_in, output_names=names_out, dynamo=True, external_data=False, verbose=False,
            dynamic_shapes=tuple({0: n} for _ in example),
        )  # fmt: skip
