"""What a report draws of scorers on the test part: scatter, Bland-Altman, ROC, calibration, risk against coverage, error by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.agreement import risk_coverage, roc
from wince.lab.activity.evaluate.rivals import Scores
from wince.lab.activity.evaluate.table import in_pain, scored
from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import DISTRACTORS
from wince.models.activity import OUTPUTS
from wince.report.chart import Line, bars, chart
from wince.report.figure import Figure

Array = NDArray[Any]
FEWEST = 10
"""Stills of a group below which its bar is left out, and of a share below which its risk is."""


def plots(all_scores: dict[str, Scores], test: Corpus) -> dict[str, list[Figure]]:
    """Figures by the heading that they stand under: the scorers side by side, then each that says how much it doubts."""
    rows = scored(test)
    truth = test["pspi"][rows].astype(float)
    sure = {name: given for name, given in all_scores.items() if given.opinion is not None}
    side_by_side = [_roc(all_scores, test, rows), _risk(sure, truth, rows)]
    return {"Scorers side by side": side_by_side} | {name: _scorer(given, test, rows, truth) for name, given in sure.items()}


def _roc(all_scores: dict[str, Scores], test: Corpus, rows: NDArray[np.intp]) -> Figure:
    pain, distractor = in_pain(test)[rows], np.isin(test["kind"][rows], DISTRACTORS)
    lines = []
    for name, given in all_scores.items():
        gated = given.gated[rows]
        known = np.isfinite(gated)
        lines.append(_line(name, *roc(gated[pain & known], gated[distractor & known])))
    return chart("Pain against distractors, gated (ROC)", ("false positives", 0, 1), ("sensitivity", 0, 1), lines)


def _risk(sure: dict[str, Scores], truth: Array, rows: NDArray[np.intp]) -> Figure:
    lines = []
    for name, given in sure.items():
        guess, doubt = given.pspi[rows], _doubt(given, rows)
        known = np.isfinite(guess)
        kept, risk = risk_coverage(np.abs(guess - truth)[known], doubt[known])
        lines.append(_line(name, kept[FEWEST - 1 :], risk[FEWEST - 1 :]))
    return chart("Risk against coverage", ("share of stills kept", 0, 1), ("mean absolute error of PSPI", 0, 2.5), lines)


def _scorer(given: Scores, test: Corpus, rows: NDArray[np.intp], truth: Array) -> list[Figure]:
    guess, doubt = given.pspi[rows], _doubt(given, rows)
    known = np.isfinite(guess)
    g, t, d = guess[known], truth[known], doubt[known]
    groups = np.array_split(np.argsort(d), 10)
    means = np.array([[d[tenth].mean(), np.sqrt(((g - t)[tenth] ** 2).mean())] for tenth in groups if len(tenth)]).reshape(-1, 2)
    tenths, diagonal = _line("tenths of the stills", means[:, 0], means[:, 1]), Line("as it should be", ((0, 0), (5, 5)))
    absolute = np.full(len(rows), np.nan)
    absolute[known] = np.abs(g - t)
    return [
        chart("PSPI, estimate against truth", ("truth", 0, 16), ("estimate", 0, 16), [_line("", t, g, dots=True)]),
        chart("Bland-Altman", ("mean of both", 0, 16), ("estimate - truth", -8, 8), [_line("", (t + g) / 2, g - t, dots=True)]),
        chart("Calibration of doubt", ("doubt said", 0, 5), ("root mean square error", 0, 5), [tenths, diagonal]),
        *(bars(f"PSPI error by {what}", "mean absolute, 0 to 16", by.items()) for what, by in _groups(test, rows, absolute).items()),
    ]


def _doubt(given: Scores, rows: NDArray[np.intp]) -> Array:
    return np.empty(0) if given.opinion is None else given.opinion.spread[rows, OUTPUTS.index("pspi")]


def _line(name: str, x: Array, y: Array, *, dots: bool = False) -> Line:
    return Line(name, tuple((float(a), float(b)) for a, b in zip(x, y, strict=True)), dots)


def _groups(test: Corpus, rows: NDArray[np.intp], error: Array) -> dict[str, dict[str, float]]:
    yaw, exposure = np.abs(test["yaw"][rows]), test["exposure"][rows]
    cuts = {
        "tone": {f"tone {tone}": test.tone[rows] == tone for tone in range(1, 7)},
        "yaw": {f"{a}-{b} degrees": (yaw >= a) & (yaw < b) for a, b in ((0, 10), (10, 20), (20, 30), (30, 45), (45, 61))},
        "light": {
            "dim": exposure < 0.45, "usual": (exposure >= 0.45) & ~test["side_light"][rows], "from a side": test["side_light"][rows],
        },
        "condition": {name: test["condition"][rows] == name for name in np.unique(test["condition"][rows])},
        "occluder": {name: test["cover"][rows] == name for name in np.unique(test["cover"][rows])},
    }  # fmt: skip
    out: dict[str, dict[str, float]] = {}
    for what, groups in cuts.items():
        out[what] = {str(name): float(np.nanmean(error[mask])) for name, mask in groups.items() if np.isfinite(error[mask]).sum() >= FEWEST}
    return out
