"""Fits the first scorer's weights on rendered heads and writes wince/models/activity.json.

    python -m wince.lab.activity_fit CORPUS_DIR [HEAD_FILE]

Draws what CORPUS_DIR lacks (48 persons, some 10 s each), then fits. Every figure that it prints comes from folds by person.
Ridge because issue and data are small: it is to be replaced by a trained ensemble, and what it can't do must be easy to see.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.activity_corpus import SEEDS, draw_corpus
from wince.lab.synthesize.head import load_head
from wince.models import activity
from wince.pipeline.estimate.blendshapes import NAMES

Array = NDArray[Any]
RIDGE = 10.0
FOLDS = 8
BINS = 6
WEIGHT = {"yawn": 3.0, "neutral": 1.5, "smile": 1.5, "surprise": 1.5, "sleep": 1.5}
"""Of an expression's stills, where 1 is not enough: a yawn has closed eyes and a squint, and few stills."""
OPEN = 0.3
"""Below so much closure an eye counts as open (AU43 + AU45)."""
DIGITS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """All stills."""

    channels: Array
    """(n, 39)."""
    change: Array
    """(n, 39) against the median of the same person's neutral stills."""
    targets: Array
    """(n, 7) in the order of FREE_OUTPUTS."""
    expression: Array
    """(n,) names."""
    level: Array
    """(n,) PSPI asked for."""
    fold: Array
    """(n,) by person."""


def read_corpus(folder: Path) -> Corpus:
    """All persons of a corpus folder. Raises DataError where one is missing."""
    columns, parts = activity.shape_columns(NAMES), []
    for number, seed in enumerate(SEEDS):
        file = folder / f"{seed}.npz"
        if not file.is_file():
            raise DataError(f"{file.name} is missing", field=str(folder), remedy="draw the corpus first")
        with np.load(file, allow_pickle=False) as pack:
            x = np.stack([activity.embed(points, shapes, columns) for points, shapes in zip(pack["lm"], pack["bs"], strict=True)])
            name = pack["name"]
            score = np.where(name == "pain", pack["pspi"], 0.0)
            closed = np.clip(pack["au43"] + pack["au45"], 0, 1)
            smile, rest = name == "smile", np.isin(name, ("neutral", "blink")) & (closed < OPEN)
            truth = (score, pack["au4"], pack["au7"], pack["au10"], closed, smile.astype(float), rest.astype(float))
            targets = np.stack(truth, axis=1)
            if not np.isfinite(targets).all():
                raise DataError(f"{file.name} holds a truth that is not finite", field=str(folder), remedy="delete it and draw it again")
            calm = np.median(x[name == "neutral"], axis=0)
            parts.append((x, x - calm, targets, name, pack["pain_level"], np.full(len(x), number % FOLDS)))
    return Corpus(*(np.concatenate(column).astype(column[0].dtype) for column in zip(*parts, strict=True)))


def fit(x: Array, targets: Array, importance: Array, centred: bool) -> activity.Linear:
    """Ridge on expanded channels; `centred` False: no mean and no bias, so that no change reads 0."""
    x = x.astype(np.float64)
    mean: NDArray[np.float64] = x.mean(axis=0) if centred else np.zeros(x.shape[1])
    spread = np.sqrt(((x - mean) ** 2).mean(axis=0)) + 1e-6
    features = activity.expand((x - mean) / spread)
    if centred:
        features = np.hstack([features, np.ones((len(features), 1))])
    penalty = np.full(features.shape[1], RIDGE)
    penalty[3 * x.shape[1] :] = 0.0
    weighted = features * importance[:, None]
    solved = np.linalg.solve(features.T @ weighted + np.diag(penalty), weighted.T @ targets)
    bias = solved[-1] if centred else np.zeros(targets.shape[1])
    weights = solved[:-1] if centred else solved
    uncalibrated = np.array([0.0, 1.0])
    return activity.Linear(
        mean, np.asarray(spread, np.float64), np.asarray(weights, np.float64), np.asarray(bias, np.float64), uncalibrated, uncalibrated
    )


def targets_of(corpus: Corpus, centred: bool) -> Array:
    """(n, outputs) that the free (centred) or the personal reading is fitted to."""
    return corpus.targets if centred else corpus.targets[:, : len(activity.OUTPUTS)]


def cross_validate(x: Array, corpus: Corpus, centred: bool) -> tuple[Array, Array]:
    """(n, outputs) values and (n,) distances, each person read by weights that never saw them."""
    importance = np.array([WEIGHT.get(str(name), 1.0) for name in corpus.expression])
    targets = targets_of(corpus, centred)
    values, distance = np.zeros(targets.shape), np.zeros(len(x))
    for fold in range(FOLDS):
        out = corpus.fold == fold
        linear = fit(x[~out], targets[~out], importance[~out], centred)
        values[out] = linear.values(x[out].astype(np.float64))
        distance[out] = np.sqrt((((x[out] - linear.mean) / linear.spread) ** 2).mean(axis=1))
    return values, distance


def calibrate(values: Array, distance: Array, targets: Array) -> tuple[Array, Array]:
    """Share of right scores in bins of equal size by distance, made non-increasing: (BINS,) distances and shares."""
    order = np.argsort(distance)
    right = np.abs(values[:, 0] - targets[:, 0]) <= activity.SECURE
    bins = np.array_split(order, BINS)
    share = np.minimum.accumulate(np.array([right[rows].mean() for rows in bins]))
    middle = np.array([np.median(distance[rows]) for rows in bins])
    return middle, share


def report(name: str, values: Array, corpus: Corpus) -> dict[str, float]:
    """Print and return figures of a reading: errors, and the tails that decide about false alarms and misses."""
    score, pain = values[:, 0], corpus.level >= 4
    figures = {"score_mae": float(np.abs(score - corpus.targets[:, 0]).mean())}
    for column, output in enumerate(activity.FREE_OUTPUTS[1 : values.shape[1]], start=1):
        figures[f"{output}_mae"] = float(np.abs(values[:, column] - corpus.targets[:, column]).mean())
    negative = corpus.expression != "pain"
    ranks = np.concatenate([score[pain], score[negative]]).argsort(kind="stable").argsort() + 1
    count = int(pain.sum())
    figures["auc_pain4_negatives"] = float((ranks[:count].sum() - count * (count + 1) / 2) / (count * negative.sum()))
    for kind in np.unique(corpus.expression[negative]):
        figures[f"{kind}_p95"] = float(np.percentile(score[corpus.expression == kind], 95))
    for level in np.unique(corpus.level[pain]):
        figures[f"pain{level:g}_p10"] = float(np.percentile(score[corpus.level == level], 10))
    print(name, {key: round(value, 3) for key, value in figures.items()})
    return figures


def fit_all(corpus: Corpus) -> dict[str, Any]:
    """The content of activity.json."""
    importance = np.array([WEIGHT.get(str(name), 1.0) for name in corpus.expression])
    content: dict[str, Any] = {
        "what": "facial activity from Blendshapes v2 and mesh distances; ridge on rendered heads; see wince/models/activity.py",
        "recipe": "wince.lab.activity_fit on the corpus of wince.lab.activity_corpus (ICT-FaceKit head, MIT)",
        "not": "validated on any patient; the units are a generator's weights, not FACS codes",
        "stills": len(corpus.channels),
        "persons": len(SEEDS),
        "channels": list(activity.CHANNELS),
        "outputs": list(activity.OUTPUTS),
    }
    for name, x, centred in (("free", corpus.channels, True), ("personal", corpus.change, False)):
        values, far = cross_validate(x, corpus, centred)
        figures = report(name, values, corpus)
        distance, share = calibrate(values, far, corpus.targets)
        linear = fit(x, targets_of(corpus, centred), importance, centred)
        tables = {"mean": linear.mean, "spread": linear.spread, "bias": linear.bias, "distance": distance, "share": share}
        tables |= {f"weights.{output}": linear.weights[:, k] for k, output in enumerate(activity.FREE_OUTPUTS[: len(linear.bias)])}
        content[name] = {"held_out": {key: round(value, 3) for key, value in figures.items()}}
        content[name] |= {key: [round(float(value), DIGITS) for value in table] for key, table in tables.items()}
    return content


def write(content: dict[str, Any], out: Path) -> None:
    """activity.json, one table a line, so that a change can be read."""

    def line(table: dict[str, Any], indent: str) -> str:
        return ",\n".join(f"{indent}{json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())

    top = {key: value for key, value in content.items() if key not in ("free", "personal")}
    nested = ",\n".join(f' "{name}": {{\n{line(content[name], "  ")}\n }}' for name in ("free", "personal"))
    part = out.with_suffix(".part")
    part.write_text(f"{{\n{line(top, ' ')},\n{nested}\n}}\n", encoding="utf-8")
    part.replace(out)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / f"{seed}.npz").is_file() for seed in SEEDS):
        draw_corpus(folder, load_head(sys.argv[2] if len(sys.argv) > 2 else None))
    write(fit_all(read_corpus(folder)), activity.FILE)
