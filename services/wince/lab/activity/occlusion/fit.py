"""Fit the probe that says whether a face is covered (pipeline/detect/occlusion.py), on drawn heads only.

    python -m wince.lab.activity.occlusion.fit CORPUS occlusion_probe.npy [--head ict_head.npz]

CORPUS: the scorer's (`wince lab corpus`). The probe learns from its training persons, every still to TURN degrees of yaw with every
expression and light, free or under mask, hand, bandage or pillow (a tube alone is neither, and left out); and from the first DRAWN of
them drawn once more, turned and covered, and from behind (occlusion_turned.py; some seconds a person). The weights are written whole
or not at all. Prints, for the validation persons, how many faces of each kind are called covered, and what other limits would give.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.errors import ResourceError
from wince.lab.activity.occlusion.turned import TURN, Row, turned_rows
from wince.lab.command import ended
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.synthesize.head import Head, load_head
from wince.pipeline.detect.occlusion import bands

DRAWN = 40
"""Training persons who are drawn once more."""
RIDGE = 0.003
"""Of .03, .01 and .003 that under which most covers of the validation persons are found; free faces called covered: 1 % each."""
LIMIT = 0.3
"""Of what is fitted; the written probe is moved so that it lies at .5, which protocols hold. Chosen on the validation persons: of .2
to .7 the highest that finds most covers; clear faces to 30 degrees are as seldom called covered under any of them."""
LIMITS = (0.3, 0.5, 0.7)
"""Of the written probe, that are reported."""


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


def rows(corpus: Path, head: Head, seeds: Sequence[int], drawn: Iterable[int]) -> list[Row]:
    """Of the corpus' persons `seeds`, and of those drawn once more. Raises DataError, ResourceError, ModelFileError."""
    found = corpus_rows(read_corpus(corpus, seeds))
    for number, seed in enumerate(drawn):
        found += turned_rows(head, seed)
        print(f"\rdrawn {number + 1}", end="", file=sys.stderr, flush=True)
    return found


def fit(x: NDArray[np.float64], covered: NDArray[np.bool_], ridge: float = RIDGE) -> NDArray[np.float32]:
    """Logistic ridge by Newton's method, both classes of equal weight. x (n, k); gives k weights for raw x, then the bias."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-3
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    share = np.where(covered, 0.5 / covered.mean(), 0.5 / (~covered).mean()) / len(covered)
    penalty = np.full(z.shape[1], ridge)
    penalty[-1] = 1e-9
    w = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -60, 60)))
        gradient = z.T @ (share * (p - covered)) + penalty * w
        hessian = (z * (share * p * (1 - p))[:, None]).T @ z + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-6:
            break
    raw = w[:-1] / spread
    return np.append(raw, w[-1] - raw @ mean).astype(np.float32)


def moved(probe: NDArray[np.float32], limit: float = LIMIT) -> NDArray[np.float32]:
    """The probe that says .5 where that one says `limit`."""
    out = probe.copy()
    out[-1] -= np.float32(np.log(limit / (1 - limit)))
    return out


def probability(probe: NDArray[np.float32], found: Sequence[Row]) -> NDArray[np.float64]:
    """(n,) of being covered."""
    logit = np.array([row.bands for row in found], np.float64) @ probe[:-1] + probe[-1]
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def report(probe: NDArray[np.float32], found: Sequence[Row]) -> list[str]:
    """Lines: per kind and yaw how many faces are called covered at each of LIMITS."""
    p, kinds, yaw = probability(probe, found), np.array([row.kind for row in found]), np.abs([row.yaw for row in found])
    lines = [f"{'kind':10} {'yaw':>7} {'faces':>5}  called covered at {', '.join(map(str, LIMITS))}"]
    for kind in sorted(set(kinds)):
        for low, high in ((0, 20), (20, 30), (30, 41), (90, 271)):
            mine = (kinds == kind) & (yaw >= low) & (yaw < high)
            if mine.any():
                shares = "  ".join(f"{(p[mine] > limit).mean():.3f}" for limit in LIMITS)
                lines.append(f"{kind:10} {low:3}-{high - 1:3} {mine.sum():5}  {shares}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw, fit on the training persons, report on the validation persons, write; the exit code of the error that ended it, or 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--head", type=Path)
    options = parser.parse_args(arguments)
    return ended(lambda: _run(options.corpus, options.out, options.head))


def _run(corpus: Path, out: Path, head_file: Path | None) -> None:
    head = load_head(head_file)
    train = rows(corpus, head, recipe.TRAIN, recipe.TRAIN[:DRAWN])
    probe = moved(fit(np.array([row.bands for row in train], np.float64), np.array([row.covered for row in train])))
    print(f"\n{len(train)} faces, {sum(row.covered for row in train)} of them covered or backs of heads")
    print("\n".join(report(probe, rows(corpus, head, recipe.VALIDATION, recipe.VALIDATION))))
    _write(out, probe)


def _write(out: Path, probe: NDArray[np.float32]) -> None:
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as file:
            np.save(file, probe, allow_pickle=False)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ResourceError(f"can't be written ({type(error).__name__})", field=str(out), remedy="make room and run it again") from error


if __name__ == "__main__":
    sys.exit(main())
