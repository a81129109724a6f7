"""Figures against known answers, and the table on scores whose worth is known."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support import corpus as made
from wince.domain.agreement import auc, icc_a1, interval
from wince.errors import DataError
from wince.lab.activity.evaluate import scorer
from wince.lab.activity.evaluate.plots import plots, roc
from wince.lab.activity.evaluate.report import write
from wince.lab.activity.evaluate.rivals import Scores
from wince.lab.activity.evaluate.table import choose_threshold, table
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.models.activity import OUTPUTS, Opinion
from wince.models.fetch import path


def test_icc_of_shrout_and_fleiss():
    """Two of the judges of Shrout & Fleiss 1979 (table 2): value from the mean squares, by hand."""
    a, b = np.array([9.0, 6, 8, 7, 10, 6]), np.array([2.0, 1, 4, 1, 5, 2])
    pair = np.stack([a, b], 1)
    rows, columns, grand = pair.mean(1), pair.mean(0), pair.mean()
    msr, msc = 2 * ((rows - grand) ** 2).sum() / 5, 6 * ((columns - grand) ** 2).sum()
    mse = ((pair - rows[:, None] - columns + grand) ** 2).sum() / 5
    assert icc_a1(a, b) == pytest.approx((msr - mse) / (msr + mse + 2 * (msc - mse) / 6))
    assert icc_a1(a, b) < 0.2  # consistent, but far apart: agreement is absolute
    assert icc_a1(a, a + 1e-9) == pytest.approx(1)


def test_auc_counts_pairs_and_halves_ties():
    rng = np.random.default_rng(2)
    p, n = rng.integers(0, 6, 40), rng.integers(0, 5, 30)
    pairs = [(x > y) + 0.5 * (x == y) for x in p for y in n]
    assert auc(p, n) == pytest.approx(np.mean(pairs))
    assert np.isnan(auc(p, n[:0]))


def test_the_interval_is_wider_when_persons_differ_than_when_stills_do():
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(20), 30)
    clustered, free = rng.normal(0, 1, 20)[person], rng.normal(0, 1, 600)
    spans = [np.diff(interval(lambda rows, v=v: float(v[rows].mean()), person))[0] for v in (clustered, free)]
    assert spans[0] > 3 * spans[1]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    seeds = range(45000, 45030)
    made.write(tmp_path, seeds)
    return read_corpus(tmp_path, seeds)


def test_perfect_scores_are_perfect_and_noise_is_not(corpus: Corpus, tmp_path: Path):
    truth, gated = corpus["pspi"].astype(float), corpus["gated"].astype(float)
    noise = np.random.default_rng(1).uniform(0, 16, len(truth))
    tables = {}
    for scores in (Scores("perfect", truth, gated), Scores("noise", noise, noise)):
        tables[scores.name] = table(scores, corpus, choose_threshold(scores, corpus), resamples=20)
    perfect, bad = tables["perfect"], tables["noise"]
    assert perfect["PSPI ICC(A,1)"].value == pytest.approx(1)
    assert perfect["AUC pain v laugh, gated"].value == 1
    assert perfect["carried threshold: sensitivity"].value == 1
    assert perfect["carried threshold: false positives"].value == 0
    assert perfect["largest gap of PSPI error between tones"].value == 0
    assert bad["PSPI ICC(A,1)"].value < 0.3
    assert 0.35 < bad["AUC pain v all distractors, gated"].value < 0.65
    assert bad["carried threshold: false positives"].value < 0.06
    write(tmp_path / "report", tables, {"what": "<made up>"})
    content = json.loads((tmp_path / "report/scorer.json").read_text())
    assert content["scorers"]["perfect"]["PSPI ICC(A,1)"]["n"] == perfect["PSPI ICC(A,1)"].n
    page = (tmp_path / "report/scorer.html").read_text()
    assert "&lt;made up&gt;" in page
    assert "http" not in page


def test_covered_absent_and_calm_stills_are_not_in_the_table(corpus: Corpus):
    truth = corpus["pspi"].astype(float)
    figure = table(Scores("x", truth, truth), corpus, 4.0, resamples=2)["PSPI ICC(A,1)"]
    assert figure.n == int((corpus.usable & ~corpus.calm).sum()) < len(corpus)


def test_plots_show_every_figure_of_the_report(corpus: Corpus, tmp_path: Path):
    truth = corpus["pspi"].astype(float)
    opinion = Opinion(np.tile(truth[:, None], (1, len(OUTPUTS))).astype(np.float32), np.ones((len(truth), len(OUTPUTS)), np.float32))
    scores = {"ensemble": Scores("ensemble", truth, corpus["gated"].astype(float), opinion), "ridge": Scores("ridge", truth / 2, truth / 2)}
    drawn = plots(scores, corpus)
    titles = " ".join(drawn)
    for what in ("PSPI, ensemble", "Bland-Altman", "distractors", "Calibration", "Risk against coverage", "by tone", "by yaw", "by light",
                 "by occluder", "by condition"):  # fmt: skip
        assert what in titles, what
    tables = {name: table(one, corpus, 4.0, resamples=2) for name, one in scores.items()}
    write(tmp_path, tables, {}, drawn)
    assert (tmp_path / "scorer.html").read_text().count("<svg") == len(drawn)


def test_a_roc_runs_from_corner_to_corner_and_its_area_is_the_auc():
    rng = np.random.default_rng(9)
    positive, negative = rng.normal(1, 1, 200), rng.normal(0, 1, 150)
    across, up = roc(positive, negative)
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(up, across) == pytest.approx(auc(positive, negative))


def test_the_installed_ensemble_is_measured_beside_its_rivals(tmp_path: Path):
    """On a made-up corpus, whose figures mean nothing: that it runs, whole, and that a missing person is named."""
    path("face_geometry")
    for part in (recipe.TRAIN[:4], scorer.CHOSEN_ON, recipe.TEST):
        made.write(tmp_path, part)
    said: list[str] = []
    scorer.evaluate(tmp_path, tmp_path / "out", resamples=2, persons=4, say=said.append)
    content = json.loads((tmp_path / "out/scorer.json").read_text())
    assert list(content["scorers"]) == [
        f"{name}{end}" for end in ("", " + own calm face") for name in ("ridge on blendshapes", "ridge on points", "ensemble")
    ]
    assert "ensemble" in said
    (tmp_path / f"{recipe.TEST[-1]}.npz").unlink()
    with pytest.raises(DataError, match="is missing") as error:
        scorer.evaluate(tmp_path, tmp_path / "out2", resamples=2, persons=4, say=said.append)
    assert error.value.field == f"{recipe.TEST[-1]}.npz"
    assert not (tmp_path / "out2").exists()
