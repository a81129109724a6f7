"""`wince lab train`: what is missing is said before anything is computed, and nothing is left behind."""

import json

import pytest

from wince.cli.usage import UsageError
from wince.errors import DataError, ResourceError
from wince.lab.activity import train_all
from wince.lab.activity.occlusion import fit
from wince.lab.activity.occlusion.fit import CoverFit, CoverShares


def test_a_missing_library_is_said_before_the_corpus_is_read(wince, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    monkeypatch.setattr(train_all, "read_corpus", lambda *_: pytest.fail("read"))
    done = wince("lab", "train", "scorer", tmp_path, tmp_path / "work", tmp_path / "out", "--json")
    assert done.code == DataError.exit_code
    assert done.json()["remedy"] == 'in the clone: pip install -e ".[train]"'
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_member_is_named(wince, tmp_path):
    done = wince("lab", "train", "scorer", tmp_path, tmp_path / "work", tmp_path / "out", "--only", "maps9", "--json")
    assert done.code == UsageError.exit_code
    assert done.json()["field"] == "--only"
    assert "points1" in done.json()["remedy"]


def test_a_folder_that_can_not_be_made_is_named(wince, tmp_path, monkeypatch):
    monkeypatch.setattr(train_all, "torch_module", lambda: None)
    (tmp_path / "work").write_text("")
    done = wince("lab", "train", "scorer", tmp_path, tmp_path / "work", tmp_path / "out")
    assert done.code == ResourceError.exit_code
    assert "work" in done.err


def test_options_reach_the_training_and_its_words_the_terminal(wince, tmp_path, monkeypatch):
    told: dict[str, object] = {}

    def trained(corpus, work, target, *, say, **options):
        told.update(options)
        say("maps1 epoch 1: PSPI error 1.000, against the calm face 0.900")
        return ["maps1"]

    monkeypatch.setattr(train_all, "train_all", trained)
    arguments = ("lab", "train", "scorer", tmp_path, tmp_path, tmp_path / "out", "--epochs", 2, "--persons", 3, "--looks", 0)
    done = wince(*arguments)
    assert done.out.splitlines() == ["maps1 epoch 1: PSPI error 1.000, against the calm face 0.900", str(tmp_path / "out")]
    assert told == {"epochs": 2, "seed": 0, "persons": 3, "looks": 0, "only": None}
    assert wince(*arguments, "--json").json() == {"members": ["maps1"], "ensemble": str(tmp_path / "out")}
    assert json.loads(wince(*arguments, "--json", "--only", "maps1").out)["ensemble"] is None
    assert wince(*arguments, "--epochs", 0).code == 2


def test_covers_names_the_head_and_writes_nothing(wince, tmp_path):
    done = wince("lab", "train", "covers", tmp_path / "none", tmp_path / "probe.npy", "--head", tmp_path / "no.npz", "--json")
    assert done.code == DataError.exit_code
    assert done.json()["field"] == "--head"
    assert "head data: there is no such file" in done.err
    assert list(tmp_path.iterdir()) == []


def test_covers_says_what_it_calls_covered(wince, tmp_path, monkeypatch):
    shares = [CoverShares("mask", 0, 20, 9, {0.3: 1.0, 0.5: 0.875}), CoverShares("back", 90, 271, 4, {0.3: 1.0, 0.5: 0.5})]
    fitted = CoverFit(100, 40, shares)
    monkeypatch.setattr(fit, "fit_covers", lambda corpus, out, head, progress: fitted)
    lines = wince("lab", "train", "covers", tmp_path, tmp_path / "p.npy").out.splitlines()
    assert "100 faces, 40 of them covered" in lines[0]
    assert lines[1].split() == ["validation", "faces", "at", "0.3", "at", "0.5"]
    assert lines[2].split() == ["mask,", "yaw", "0", "to", "19", "9", "1.000", "0.875"]
    assert wince("lab", "train", "covers", tmp_path, tmp_path / "p.npy", "--json").json()["covered"] == 40


def test_the_lab_reads_as_a_table_of_contents(wince):
    """In the order in which they are used: from drawn faces to a server."""
    text = wince("lab", "--help").out
    places = [text.index(f" {name} ") for name in ("synthesize", "corpus", "train", "evaluate", "pack")]
    assert places == sorted(places)
