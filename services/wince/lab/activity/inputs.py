"""What a member is trained on: the corpus as it sees it, person by person, and the truth. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import CALM, STILLS
from wince.models.activity import KINDS, OUTPUTS, SCALES
from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.pipeline.estimate.activity_inputs import inputs

SMILES = ("smile", "laugh", "smile_squint")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """A member's stills: p persons with STILLS each."""

    x: NDArray[np.float32]
    """(p, STILLS, *shape)."""
    y: NDArray[np.float32]
    """(p, STILLS, outputs) in shares of SCALES."""
    weight: NDArray[np.float32]
    """(p, STILLS) 0 where a still may not be learned from."""
    calm: NDArray[np.float32]
    """(p, STILLS) shares of the calm stills, each row's sum 1; all 0 for a person without a usable one."""


def seen(corpus: Corpus) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Per kind of member what it looks at, (n, *shape), all 0 where no face may be used, and the mouthSmile channel (n,)."""
    face = CanonicalFace.parse(path("face_geometry").read_bytes())
    x, smile = inputs(face, corpus["landmarks"], corpus["blendshapes"], corpus["features"], corpus["crop"])
    for rows in x.values():
        rows[~corpus.usable] = 0
    return x, smile


def targets(corpus: Corpus) -> NDArray[np.float32]:
    """(n, outputs) in shares of SCALES: truth, whether it smiles, whether it rests with open eyes."""
    smile = np.isin(corpus["kind"], SMILES)
    rest = np.isin(corpus["kind"], ("calm", "neutral")) & (corpus["au43"] < 0.35)
    columns = [corpus[name] for name in OUTPUTS[:-2]] + [smile, rest]
    return (np.stack(columns, axis=1) / SCALES).astype(np.float32)


def calm_shares(corpus: Corpus) -> NDArray[np.float32]:
    """(p, STILLS); see Examples.calm."""
    calm = (corpus.calm & corpus.usable).reshape(-1, STILLS).astype(np.float32)
    return np.asarray(calm / np.maximum(calm.sum(axis=1, keepdims=True), 1), np.float32)


def examples(kind: str, corpus: Corpus) -> Examples:
    """The corpus as a member of that kind sees it. Stills without a face or with a covered one get weight 0.

    Raises DataError for an unknown kind.
    """
    if kind not in KINDS:
        raise DataError(f"unknown kind of member {kind!r}", field="member", remedy=", ".join(KINDS))
    x = seen(corpus)[0][kind]
    rows = (-1, STILLS)
    weight = corpus.usable.astype(np.float32) * np.where(corpus.calm, 1 / CALM, 1).astype(np.float32)
    y = targets(corpus)
    return Examples(x.reshape(*rows, *x.shape[1:]), y.reshape(*rows, y.shape[1]), weight.reshape(rows), calm_shares(corpus))


def together(parts: Sequence[Examples]) -> Examples:
    """The persons of all parts; a person seen twice (near and small) counts as two, each with its own calm face."""
    return Examples(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y", "weight", "calm")))
