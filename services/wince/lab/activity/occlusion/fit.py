"""Fit the probe that says whether a face is covered (pipeline/detect/occlusion.py), on drawn heads only.

    wince lab train covers CORPUS occlusion_probe.npy

CORPUS: the scorer's (`wince lab corpus`). The probe learns from its training persons, every still to TURN degrees of yaw with every
expression and light, free or under mask, hand, bandage or pillow (a tube alone is neither, and left out); and from the first DRAWN of
them drawn once more, turned and covered, and from behind (turned.py; some seconds a person). Says, for the validation persons, how many
faces of each kind are called covered, and what other limits would give.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.lab.activity.logistic import logistic
from wince.lab.activity.occlusion.turned import TURN, Row, turned_rows
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.synthesize.head import Head, load_head
from wince.pipeline.detect.occlusion import bands
from wince.report.write_whole import write_whole

DRAWN = 40
"""Training persons who are drawn once more."""
RIDGE = 0.003
"""Of .03, .01 and .003 that under which most covers of the validation persons are found; free faces called covered: 1 % each."""
LIMIT = 0.3
"""Of what is fitted; the written probe is moved so that it lies at .5, which protocols hold. Chosen on the validation persons: of .2
to .7 the highest that finds most covers; clear faces to 30 degrees are as seldom called covered under any of them."""
LIMITS = (0.3, 0.5, 0.7)
"""Of the written probe, that are reported."""
YAWS = ((0, 20), (20, 30), (30, 41), (90, 271))
"""Ranges of yaw that are reported, degrees, [low, high)."""


@dataclass(frozen=True, slots=True)
class CoverShares:
    """Faces of one kind and range of yaw, of the validation persons."""

    kind: str
    """"free", "still" (of the corpus), "back" (of a head), or what covers."""
    low: int
    high: int
    """Yaw in degrees, [low, high)."""
    faces: int
    shares: dict[float, float]
    """By limit, the share that is called covered."""


@dataclass(frozen=True, slots=True)
class CoverFit:
    """What a fit came to."""

    faces: int
    """Of the training persons."""
    covered: int
    """Of these, covered or backs of heads."""
    validation: list[CoverShares]


def corpus_rows(corpus: Corpus) -> list[Row]:
    """The stills that say something: a face was found, yaw within TURN, no tube. Their kind is "still" or the cover."""
    said = corpus["found"] & (corpus["cover"] != "tube") & (np.abs(corpus["yaw"]) <= TURN)
    return [
        Row(
            int(corpus.person[row]),
            "still" if (cover := str(corpus["cover"][row])) == "none" else cover,
            cover != "none",
            bands(corpus["features"][row]),
            float(corpus["yaw"][row]),
        )
        for row in np.flatnonzero(said)
    ]


def rows(corpus: Path, head: Head, seeds: Sequence[int], drawn: Iterable[int], progress: Callable[[int], None]) -> list[Row]:
    """Of the corpus' persons `seeds`, and of those drawn once more. Raises DataError, ResourceError, ModelFileError."""
    faces = corpus_rows(read_corpus(corpus, seeds))
    for seed in drawn:
        faces += turned_rows(head, seed)
        progress(seed)
    return faces


def fit(x: NDArray[np.float64], covered: NDArray[np.bool_], ridge: float = RIDGE) -> NDArray[np.float32]:
    """Logistic ridge, both classes of equal weight. x (n, k); gives k weights for raw x, then the bias."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-3
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    share = np.where(covered, 0.5 / covered.mean(), 0.5 / (~covered).mean()) / len(covered)
    penalty = np.full(z.shape[1], ridge)
    penalty[-1] = 1e-9
    w = logistic(z, covered, share, penalty)
    raw = w[:-1] / spread
    return np.append(raw, w[-1] - raw @ mean).astype(np.float32)


def moved(probe: NDArray[np.float32], limit: float = LIMIT) -> NDArray[np.float32]:
    """The probe that says .5 where that one says `limit`."""
    out = probe.copy()
    out[-1] -= np.float32(np.log(limit / (1 - limit)))
    return out


def probability(probe: NDArray[np.float32], faces: Sequence[Row]) -> NDArray[np.float64]:
    """(n,) of being covered."""
    logit = np.array([row.bands for row in faces], np.float64) @ probe[:-1] + probe[-1]
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def cover_shares(probe: NDArray[np.float32], faces: Sequence[Row]) -> list[CoverShares]:
    """Per kind and range of yaw, how many faces are called covered at each of LIMITS. Ranges without a face are left out."""
    p, kinds, yaw = probability(probe, faces), np.array([row.kind for row in faces]), np.abs([row.yaw for row in faces])
    out = []
    for kind in sorted(set(kinds)):
        for low, high in YAWS:
            mine = (kinds == kind) & (yaw >= low) & (yaw < high)
            if mine.any():
                out.append(CoverShares(str(kind), low, high, int(mine.sum()), {limit: float((p[mine] > limit).mean()) for limit in LIMITS}))
    return out


def fit_covers(corpus: Path, out: Path, head_file: Path | None, progress: Callable[[int], None] = lambda seed: None) -> CoverFit:
    """Draw, fit on the training persons, write the weights to `out` (whole or not at all), look at the validation persons.

    `progress` hears the seed of each person drawn. Raises DataError (head, corpus), ResourceError (graphics, disk), ModelFileError.
    """
    head = load_head(head_file)
    train = rows(corpus, head, recipe.TRAIN, recipe.TRAIN[:DRAWN], progress)
    validation = rows(corpus, head, recipe.VALIDATION, recipe.VALIDATION, progress)
    probe = moved(fit(np.array([row.bands for row in train], np.float64), np.array([row.covered for row in train])))
    content = io.BytesIO()
    np.save(content, probe, allow_pickle=False)
    write_whole(out, content.getvalue())
    return CoverFit(len(train), sum(row.covered for row in train), cover_shares(probe, validation))
