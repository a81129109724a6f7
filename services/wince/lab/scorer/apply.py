"""An exported ensemble on OpenVINO: no torch needed. Members answer together or not at all."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import ModelFileError
from wince.lab.corpus.read import Corpus
from wince.lab.scorer.inputs import MEMBERS, OUTPUTS, SCALES, VERSION, inputs
from wince.models.openvino_engine import compile_model, core

Array = NDArray[np.float32]
REMEDY = "train it again (make train-scorer), or put the committed files back"


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What the ensemble says of n faces, in the outputs' own units."""

    mean: Array
    """(n, outputs) the members' mean, held to the outputs' ranges."""
    spread: Array
    """(n, outputs) standard deviation: the members' own, and how far they disagree."""

    def column(self, output: str) -> Array:
        """(n,) mean of that output."""
        return np.asarray(self.mean[:, OUTPUTS.index(output)])


class Ensemble:
    """Read from a folder that export wrote. One instance per thread."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelFileError where a file is absent, changed, or of another version."""
        self.card = _card(folder)
        self.members: tuple[str, ...] = tuple(self.card["members"])
        self._nets = {name: _compile(folder / f"{name}.onnx") for name in self.members}
        self._heads = {name: _compile(folder / f"{name}_personal.onnx") for name in self.members}

    def free(self, x: dict[str, Array]) -> tuple[Opinion, dict[str, Array]]:
        """Opinion without the calm face, and each member's embedding; x by member, (n, *shape)."""
        means, variances, embeddings = [], [], {}
        for name in self.members:
            embedding, mean, log_variance = _run(self._nets[name], [x[name]])
            means.append(mean)
            variances.append(np.exp(log_variance))
            embeddings[name] = embedding
        return fused(means, variances), embeddings

    def personal(self, embeddings: dict[str, Array], calm: dict[str, Array]) -> Opinion:
        """Opinion against the calm face; both by member, (n, k)."""
        means, variances = [], []
        for name in self.members:
            mean, log_variance = _run(self._heads[name], [embeddings[name], calm[name]])
            means.append(mean)
            variances.append(np.exp(log_variance))
        return fused(means, variances)

    def of_corpus(self, corpus: Corpus) -> tuple[Opinion, dict[str, Array]]:
        """`free` of every still of a corpus."""
        return self.free({name: inputs(name, corpus["landmarks"], corpus["blendshapes"], corpus["features"]) for name in self.members})


def fused(means: list[Array], variances: list[Array]) -> Opinion:
    """Mean of the members; spread from their own variances and their disagreement. In shares, gives units."""
    stack = np.stack(means)
    mean = np.clip(stack.mean(axis=0), 0, 1)
    spread = np.sqrt(np.stack(variances).mean(axis=0) + stack.var(axis=0))
    return Opinion((mean * SCALES).astype(np.float32), (spread * SCALES).astype(np.float32))


def _run(compiled: Any, given: list[Array]) -> list[Array]:
    rows = [np.ascontiguousarray(one, np.float32) for one in given]
    result = compiled(rows)
    return [np.asarray(result[output]).copy() for output in compiled.outputs]


def _compile(file: Path) -> Any:
    try:
        return compile_model(core().read_model(str(file)))
    except RuntimeError as error:
        raise ModelFileError("can't be used by this version of OpenVINO", field=file.name, remedy=REMEDY) from error


def _card(folder: Path) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((folder / "ensemble.json").read_bytes())
        version, outputs, members, files = card["version"], card["outputs"], card["members"], card["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFileError(f"can't be read ({type(error).__name__})", field="ensemble.json", remedy=REMEDY) from error
    if version != VERSION or outputs != list(OUTPUTS) or not set(members) <= set(MEMBERS):
        raise ModelFileError(f"is of version {version}, needed is {VERSION}", field="ensemble.json", remedy=REMEDY)
    for name in (f"{member}{end}.onnx" for member in members for end in ("", "_personal")):
        file = folder / name
        if name not in files or not file.is_file():
            raise ModelFileError("is missing", field=name, remedy=REMEDY)
        if hashlib.sha256(file.read_bytes()).hexdigest() != files[name]["sha256"]:
            raise ModelFileError("isn't the file that the card names", field=name, remedy=REMEDY)
    return card
