"""The table and the report on scores whose worth is known."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader

from tests.support import corpus as made
from tests.unit.report.page import Page
from wince.errors import DataError, ResourceError
from wince.lab.activity.evaluate import scorer
from wince.lab.activity.evaluate.plots import plots
from wince.lab.activity.evaluate.report import LABEL, value, write
from wince.lab.activity.evaluate.rivals import Scores
from wince.lab.activity.evaluate.table import Figure, choose_threshold, table
from wince.lab.corpus import recipe
from wince.lab.corpus.read import Corpus, read_corpus
from wince.models.activity import OUTPUTS, Opinion
from wince.models.fetch import path


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
    write(tmp_path / "report", tables, {"what": "<made up>", "how it was made, in more words than fit": {"a_b": {"x": 1}}})
    content = json.loads((tmp_path / "report/scorer.json").read_text())
    assert content["scorers"]["perfect"]["PSPI ICC(A,1)"]["n"] == perfect["PSPI ICC(A,1)"].n
    page = Page((tmp_path / "report/scorer.html").read_text("utf-8"))
    assert "<made up>" in page.text
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    printed = "".join(" ".join(one.extract_text().split()) for one in PdfReader(tmp_path / "report/scorer.pdf").pages)
    for said in (
        LABEL, "<made up>", "in more words than fit: a b", "x 1", "PSPI ICC(A,1)", "perfect", "noise", value(bad["PSPI ICC(A,1)"]),
    ):  # fmt: skip
        assert said in page.text
        assert said in printed


def test_covered_absent_and_calm_stills_are_not_in_the_table(corpus: Corpus):
    truth = corpus["pspi"].astype(float)
    figure = table(Scores("x", truth, truth), corpus, 4.0, resamples=2)["PSPI ICC(A,1)"]
    assert figure.n == int((corpus.usable & ~corpus.calm).sum()) < len(corpus)


def test_plots_show_every_figure_of_the_report(corpus: Corpus, tmp_path: Path):
    truth = corpus["pspi"].astype(float)
    opinion = Opinion(np.tile(truth[:, None], (1, len(OUTPUTS))).astype(np.float32), np.ones((len(truth), len(OUTPUTS)), np.float32))
    scores = {"ensemble": Scores("ensemble", truth, corpus["gated"].astype(float), opinion), "ridge": Scores("ridge", truth / 2, truth / 2)}
    drawn = plots(scores, corpus)
    assert list(drawn) == ["Scorers side by side", "ensemble"], "the ridge says nothing of its doubt"
    figures = [figure for group in drawn.values() for figure in group]
    titles = " ".join(figure.alt for figure in figures)
    for what in ("PSPI, estimate", "Bland-Altman", "distractors", "Calibration", "Risk against coverage", "by tone", "by yaw", "by light",
                 "by occluder", "by condition"):  # fmt: skip
        assert what in titles, what
    tables = {name: table(one, corpus, 4.0, resamples=2) for name, one in scores.items()}
    write(tmp_path, tables, {}, drawn)
    assert (tmp_path / "scorer.html").read_text("utf-8").count("<svg") == len(figures)


def test_a_full_disk_leaves_the_last_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """JSON, HTML and PDF belong together: all of a run, or all of the one before."""
    tables = {"x": {"figure": Figure(0.5, 0.4, 0.6, 9)}}
    write(tmp_path, tables, {"run": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(before) == {"scorer.json", "scorer.html", "scorer.pdf"}
    real, calls = os.fsync, iter(range(9))

    def fsync(descriptor: int) -> None:
        if next(calls) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ResourceError, match="disk is full"):
        write(tmp_path, tables, {"run": 2})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


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
