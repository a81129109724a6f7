"""Plots of a scorer on the test part, as SVG text: scatter, Bland-Altman, ROC, calibration, risk against coverage, error by group."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.lab.activity.evaluate.rivals import Scores
from wince.lab.activity.evaluate.table import PAIN, scored
from wince.lab.corpus.read import Corpus
from wince.lab.corpus.recipe import DISTRACTORS
from wince.models.activity import OUTPUTS

Array = NDArray[Any]
COLOURS = ("#1b5e91", "#b3541e", "#2e7d4f", "#7a4ca0", "#8a7a12", "#666666")
SIDE, LEFT, BOTTOM = 300, 46, 40
FEWEST = 10
"""Stills of a group below which its bar is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One series: points, or a line through them."""

    name: str
    x: Array
    y: Array
    dots: bool = False


def chart(title: str, x_label: str, y_label: str, x: tuple[float, float], y: tuple[float, float], lines: Sequence[Line]) -> str:
    """One plot; x and y are the axes' ends."""
    width, height = LEFT + SIDE + 10, SIDE + BOTTOM + 26

    def place(line: Line) -> list[tuple[float, float]]:
        across = LEFT + SIDE * (np.clip(line.x, *x) - x[0]) / (x[1] - x[0])
        down = 24 + SIDE * (1 - (np.clip(line.y, *y) - y[0]) / (y[1] - y[0]))
        return [(round(float(a), 1), round(float(b), 1)) for a, b in zip(across, down, strict=True)]

    out = [f'<svg width="{width}" height="{height}" role="img" aria-label="{html.escape(title)}"><text x="{LEFT}" y="14">{title}</text>']
    out.append(f'<rect x="{LEFT}" y="24" width="{SIDE}" height="{SIDE}" fill="none" stroke="#999"/>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        out.append(f'<text x="{LEFT + SIDE * share:.0f}" y="{SIDE + 40}" text-anchor="middle">{x[0] + share * (x[1] - x[0]):.3g}</text>')
        out.append(f'<text x="{LEFT - 4}" y="{28 + SIDE * (1 - share):.0f}" text-anchor="end">{y[0] + share * (y[1] - y[0]):.3g}</text>')
    out.append(f'<text x="{LEFT + SIDE / 2}" y="{SIDE + 58}" text-anchor="middle">{x_label}: across, {y_label}: up</text>')
    for number, line in enumerate(lines):
        colour, points = COLOURS[number % len(COLOURS)], place(line)
        if line.dots:
            out += [f'<circle cx="{a}" cy="{b}" r="2" fill="{colour}" fill-opacity=".35"/>' for a, b in points]
        else:
            path = " ".join(f"{a},{b}" for a, b in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if line.name:
            out.append(f'<text x="{LEFT + 8}" y="{40 + 15 * number}" fill="{colour}">{html.escape(line.name)}</text>')
    return "".join(out) + "</svg>"


def bars(title: str, groups: dict[str, float], unit: str) -> str:
    """Lying bars, one a group."""
    top, rows = max([*groups.values(), 1e-9]), list(groups.items())
    out = [f'<svg width="{LEFT + SIDE + 110}" height="{30 + 20 * len(rows)}" role="img" aria-label="{html.escape(title)}">']
    out.append(f'<text x="0" y="14">{html.escape(title)} ({unit})</text>')
    for number, (name, value) in enumerate(rows):
        at = 24 + 20 * number
        out.append(f'<text x="108" y="{at + 13}" text-anchor="end">{html.escape(name)}</text>')
        out.append(f'<rect x="114" y="{at}" width="{200 * value / top:.1f}" height="16" fill="{COLOURS[0]}"/>')
        out.append(f'<text x="{120 + 200 * value / top:.0f}" y="{at + 13}">{value:.2f}</text>')
    return "".join(out) + "</svg>"


def roc(positive: Array, negative: Array) -> tuple[Array, Array]:
    """False and true positive rates over every threshold, from 0,0 to 1,1."""
    cuts = np.unique(np.concatenate([positive, negative]))[::-1]
    rates = [(float((negative >= cut).mean()), float((positive >= cut).mean())) for cut in cuts]
    return np.array([0.0, *(a for a, _ in rates)]), np.array([0.0, *(b for _, b in rates)])


def plots(all_scores: dict[str, Scores], test: Corpus) -> list[str]:
    """SVG texts. The scatters and groups are the ensemble's; ROC and coverage compare every scorer."""
    rows = scored(test)
    kind, truth = test["kind"][rows], test["pspi"][rows].astype(float)
    pain, distractor = np.isin(kind, ("pain", "mixture")) & (truth >= PAIN), np.isin(kind, DISTRACTORS)
    out, curves = [], []
    for name, given in all_scores.items():
        gated = given.gated[rows]
        known = np.isfinite(gated)
        curves.append(Line(name, *roc(gated[pain & known], gated[distractor & known])))
    out.append(chart("Pain against distractors, gated", "false positives", "sensitivity", (0, 1), (0, 1), curves))
    coverage = []
    for name, given in all_scores.items():
        if given.opinion is None:
            continue
        guess, doubt = given.pspi[rows], given.opinion.spread[rows, OUTPUTS.index("pspi")]
        known = np.isfinite(guess)
        g, t, d = guess[known], truth[known], doubt[known]
        out.append(chart(f"PSPI, {name}", "truth", "estimate", (0, 16), (0, 16), [Line("", t, g, dots=True)]))
        out.append(chart(f"Bland-Altman, {name}", "mean", "estimate - truth", (0, 16), (-8, 8), [Line("", (t + g) / 2, g - t, dots=True)]))
        order = np.argsort(d)
        risk = np.cumsum(np.abs(g - t)[order]) / np.arange(1, len(order) + 1)
        coverage.append(Line(name, np.arange(1, len(order) + 1)[9:] / len(order), risk[9:]))
        groups = np.array_split(order, 10)
        means = np.array([[d[one].mean(), np.sqrt(((g - t)[one] ** 2).mean())] for one in groups])
        line = [Line("tenths of the stills", means[:, 0], means[:, 1]), Line("as it should be", np.array([0.0, 5.0]), np.array([0.0, 5.0]))]
        out.append(chart(f"Calibration of doubt, {name}", "doubt said", "root mean square error", (0, 5), (0, 5), line))
        absolute = np.full(len(rows), np.nan)
        absolute[known] = np.abs(g - t)
        out += [bars(f"PSPI error by {what}, {name}", by, "mean absolute, 0-16") for what, by in _groups(test, rows, absolute).items()]
    out.append(chart("Risk against coverage", "share of stills kept", "mean absolute error of PSPI", (0, 1), (0, 2.5), coverage))
    return out


def _groups(test: Corpus, rows: NDArray[np.intp], error: Array) -> dict[str, dict[str, float]]:
    yaw, exposure = np.abs(test["yaw"][rows]), test["exposure"][rows]
    cuts = {
        "tone": {f"tone {tone}": test.tone[rows] == tone for tone in range(1, 7)},
        "yaw": {f"{a}-{b} degrees": (yaw >= a) & (yaw < b) for a, b in ((0, 10), (10, 20), (20, 30), (30, 45), (45, 61))},
        "light": {
            "dim": exposure < 0.45, "usual": (exposure >= 0.45) & ~test["side_light"][rows], "from a side": test["side_light"][rows],
        },
        "condition": {one: test["condition"][rows] == one for one in np.unique(test["condition"][rows])},
        "occluder": {one: test["cover"][rows] == one for one in np.unique(test["cover"][rows])},
    }  # fmt: skip
    out: dict[str, dict[str, float]] = {}
    for what, groups in cuts.items():
        out[what] = {str(name): float(np.nanmean(error[mask])) for name, mask in groups.items() if np.isfinite(error[mask]).sum() >= FEWEST}
    return out
