"""`wince lab evaluate`: figures as text and as JSON; what is missing is named by field and remedy."""

import json

import numpy as np
import pytest

from tests.support import corpus as made
from wince.cli.usage import UsageError
from wince.domain.reason import Reason
from wince.errors import DataError
from wince.lab.activity.evaluate import abstention, familiarity, half, photographs
from wince.lab.activity.evaluate.abstention import CAUSES, Judgement
from wince.lab.activity.evaluate.scorer import CHOSEN_ON
from wince.lab.corpus import recipe
from wince.models.fetch import path


def test_an_unknown_part_is_named(wince, tmp_path):
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--part", "train")
    assert done.code == UsageError.exit_code
    assert "train" in done.err
    assert not (tmp_path / "out").exists()


def test_the_report_is_written_and_a_missing_person_named(wince, tmp_path):
    path("face_geometry")
    for part in (recipe.TRAIN[:3], CHOSEN_ON, recipe.TEST):
        made.write(tmp_path, part)
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--resamples", 2, "--persons", 3, "--json")
    assert done.code == 0, done.err
    assert done.json() == json.loads((tmp_path / "out/scorer.json").read_text())
    assert "<svg" in (tmp_path / "out/scorer.html").read_text()
    assert (tmp_path / "out/scorer.pdf").read_bytes().startswith(b"%PDF")
    (tmp_path / f"{recipe.VALIDATION[2]}.npz").unlink()
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--persons", 3)
    assert done.code == DataError.exit_code
    assert f"{recipe.VALIDATION[2]}.npz" in done.err


def test_familiarity_names_a_missing_person(wince, tmp_path):
    done = wince("lab", "evaluate", "familiarity", tmp_path, "--json")
    assert done.code == DataError.exit_code
    assert done.json()["field"] == "40000.npz"
    assert "wince lab corpus" in done.json()["remedy"]


def test_familiarity_shows_a_row_a_part(wince, tmp_path, monkeypatch):
    row = {"stills": 9.0, "right": 0.8125, "AUC doubt": 0.75}
    monkeypatch.setattr(familiarity, "measure", lambda corpus, ensemble: {"test": row, "unseen look": row})
    assert wince("lab", "evaluate", "familiarity", tmp_path, "--json").json() == {"test": row, "unseen look": row}
    lines = wince("lab", "evaluate", "familiarity", tmp_path).out.splitlines()
    assert lines[0].split() == ["part", "stills", "right", "AUC", "doubt"]
    assert lines[2].split() == ["unseen", "look", "9.000", "0.812", "0.750"]


def test_abstention_names_the_head(wince, tmp_path):
    done = wince("lab", "evaluate", "abstention", "--head", tmp_path / "none.npz", "--json")
    assert done.code == DataError.exit_code
    assert done.json()["field"] == "--head"
    assert done.json()["remedy"]


def test_abstention_shows_a_row_a_cause(wince, monkeypatch):
    judged = [Judgement("dark", False, reason, 1, False) for reason in (Reason.DARK, Reason.NONE)] + [Judgement("clear", True, "", 1, True)]
    monkeypatch.setattr(abstention, "measure", lambda settings, head, progress: judged)
    found = wince("lab", "evaluate", "abstention", "--json").json()
    assert list(found) == [cause for cause in CAUSES if cause in ("clear", "dark")]
    assert found["dark"] == {"pictures": 2, "assessable": 0.0, "right": 0.5, "reasons": {"dark": 1, "none": 1}}
    lines = wince("lab", "evaluate", "abstention").out.splitlines()
    assert lines[2].split() == ["dark", "2", "0.000", "0.500", "dark", "1,", "none", "1"]


def test_half_shows_an_interval_beside_each_value(wince, tmp_path, monkeypatch):
    figures = {"PSPI ICC(A,1)": [0.934, 0.921, 0.944]}
    told: list[object] = []

    def measure(corpus, work, epochs, *, persons):
        told.append((corpus, work, epochs, persons))
        return {"persons trained on": {"above": 4, "below": 3}, "epochs": epochs, "test persons": 60, "own half": figures}

    monkeypatch.setattr(half, "measure", measure)
    done = wince("lab", "evaluate", "half", tmp_path / "c", tmp_path / "w", "--persons", 8)
    assert told == [(tmp_path / "c", tmp_path / "w", half.EPOCHS, 8)]
    assert done.out.splitlines()[0] == "persons trained on: above 4, below 3"
    assert "0.934 (0.921-0.944)" in done.out
    assert wince("lab", "evaluate", "half", tmp_path, tmp_path, "--json").json()["own half"] == figures


def test_photographs_refuse_what_is_no_pack(wince, tmp_path):
    np.savez(tmp_path / "labels.npz", split=np.zeros(3))
    done = wince("lab", "evaluate", "photographs", tmp_path)
    assert done.code == DataError.exit_code
    assert str(tmp_path) in done.err
    assert "remedy" in done.err


def test_photographs_show_a_row_an_emotion(wince, tmp_path, monkeypatch):
    found = {"looked at": {"neutral": 150, "fear": 9}, "classes": {"neutral": {"faces": 148.0, "reads high": 0.25}}}
    monkeypatch.setattr(photographs, "measure", lambda folder: found)
    assert wince("lab", "evaluate", "photographs", tmp_path, "--json").json() == found
    assert wince("lab", "evaluate", "photographs", tmp_path).out.splitlines()[1].split() == ["neutral", "150", "148.000", "0.250"]


@pytest.mark.parametrize("command", ["scorer", "familiarity", "half", "photographs"])
def test_what_is_not_given_is_a_usage_error(wince, command):
    done = wince("lab", "evaluate", command)
    assert done.code == 2
    assert "Missing argument" in done.err
