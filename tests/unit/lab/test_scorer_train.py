"""Training goes on where it was killed, and every broken file is named. Needs torch (extra `train`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import corpus as made
from wince.errors import DataError, ModelFileError, ResourceError
from wince.lab.corpus.read import Corpus, read_corpus
from wince.lab.scorer.inputs import MEMBERS, OUTPUTS, Examples, examples, upright
from wince.lab.scorer.train import Settings, train
from wince.models.fetch import path

SEEDS = range(40000, 40006)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    made.write(folder, SEEDS)
    return read_corpus(folder, SEEDS)


@pytest.fixture(scope="module")
def data(corpus: Corpus) -> dict[str, Examples]:
    path("face_geometry")
    return {member: examples(member, corpus) for member in MEMBERS}


def test_examples_leave_out_what_may_not_be_learned_from(corpus: Corpus, data: dict[str, Examples]):
    weight = data["maps"].weight.reshape(-1)
    assert (weight[~corpus.usable] == 0).all()
    assert (weight[corpus.usable] > 0).all()
    assert np.allclose(data["maps"].calm.sum(axis=1), 1)
    assert data["maps"].y.min() >= 0
    assert data["maps"].y.max() <= 1
    assert data["points"].x.shape[2:] == MEMBERS["points"]


def test_upright_points_do_not_depend_on_place_size_or_turn():
    rng = np.random.default_rng(5)
    points = rng.normal(0, 50, (1, 478, 3)).astype(np.float32)
    c, s = np.cos(0.6), np.sin(0.6)
    turned = (1.7 * points @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + (30, -20, 5)).astype(np.float32)
    (a, _), (b, _) = upright(points), upright(turned)
    assert np.abs(a - b).max() < 1e-3


def test_settings_are_checked():
    with pytest.raises(DataError, match="member"):
        Settings("ears")


class Killed(Exception):
    """As kill -9 would, but in the test's own process."""


def test_a_killed_run_ends_with_the_same_weights(data: dict[str, Examples], tmp_path: Path):
    pytest.importorskip("torch", reason="needs torch (extra train)")
    settings, few = Settings("points", epochs=4, batch=2), data["points"]
    whole = train(settings, few, few, tmp_path / "whole.pt")

    def kill(epoch: int, free: float, personal: float) -> None:
        if epoch == 2:
            raise Killed

    with pytest.raises(Killed):
        train(settings, few, few, tmp_path / "cut.pt", kill)
    heard: list[int] = []
    again = train(settings, few, few, tmp_path / "cut.pt", lambda epoch, free, personal: heard.append(epoch))
    assert heard == [3, 4]
    for name, value in whole.state_dict().items():
        assert (again.state_dict()[name] == value).all(), name


def test_another_runs_checkpoint_and_a_broken_one_are_refused(data: dict[str, Examples], tmp_path: Path):
    pytest.importorskip("torch", reason="needs torch (extra train)")
    few, file = data["points"], tmp_path / "a.pt"
    train(Settings("points", epochs=1, batch=2), few, few, file)
    with pytest.raises(ModelFileError, match=r"another run .*epochs"):
        train(Settings("points", epochs=2, batch=2), few, few, file)
    file.write_bytes(file.read_bytes()[:999])
    with pytest.raises(ModelFileError, match="can't be read"):
        train(Settings("points", epochs=1, batch=2), few, few, file)


def test_a_full_disk_keeps_the_last_checkpoint(data: dict[str, Examples], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    torch = pytest.importorskip("torch", reason="needs torch (extra train)")
    few, file, settings = data["points"], tmp_path / "a.pt", Settings("points", epochs=3, batch=2)

    def full(state: object, where: Path) -> None:
        where.write_bytes(b"half")
        raise OSError(28, "no space")

    def after_first(epoch: int, free: float, personal: float) -> None:
        monkeypatch.setattr(torch, "save", full)

    with pytest.raises(ResourceError, match="disk is full"):
        train(settings, few, few, file, after_first)
    assert [one.name for one in tmp_path.iterdir()] == ["a.pt"]
    monkeypatch.undo()
    heard: list[int] = []
    train(settings, few, few, file, lambda epoch, free, personal: heard.append(epoch))
    assert heard == [2, 3]


def test_values_that_are_not_finite_are_refused(data: dict[str, Examples], tmp_path: Path):
    pytest.importorskip("torch", reason="needs torch (extra train)")
    few = data["points"]
    y = few.y.copy()
    y[0, 0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        train(Settings("points", epochs=1), Examples(few.x, y, few.weight, few.calm), few, tmp_path / "a.pt")


@pytest.fixture(scope="module")
def exported(data: dict[str, Examples], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    pytest.importorskip("torch", reason="needs torch (extra train)")
    from wince.lab.scorer.export import export

    folder = tmp_path_factory.mktemp("ensemble")
    models = {m: train(Settings(m, epochs=1, batch=2), data[m], data[m], folder / f"{m}.pt") for m in MEMBERS}
    export(models, folder / "out", {"seed": 1})
    return folder / "out", models


def test_the_exported_ensemble_says_what_torch_says(exported: tuple[Path, dict[str, Any]], data: dict[str, Examples]):
    torch = pytest.importorskip("torch")
    from wince.lab.scorer.apply import Ensemble

    folder, models = exported
    x = {m: data[m].x.reshape(-1, *MEMBERS[m])[:7] for m in MEMBERS}
    opinion, embeddings = Ensemble(folder).free(x)
    means = []
    with torch.no_grad():
        for m in MEMBERS:
            embedding, mean, _ = models[m](torch.from_numpy(x[m]))
            assert np.abs(embedding.numpy() - embeddings[m]).max() < 1e-3
            means.append(mean.numpy())
    column = OUTPUTS.index("pspi")
    assert np.abs(opinion.column("pspi") - 16 * np.clip(np.mean(means, axis=0)[:, column], 0, 1)).max() < 0.02
    assert opinion.spread.min() > 0
    personal = Ensemble(folder).personal(embeddings, {m: np.zeros_like(e) for m, e in embeddings.items()})
    assert personal.mean.shape == (7, len(OUTPUTS))
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12e6


def test_a_changed_file_and_another_version_are_refused(exported: tuple[Path, dict[str, Any]], tmp_path: Path):
    from wince.lab.scorer.apply import Ensemble

    for file in exported[0].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Ensemble(tmp_path)
    weights = tmp_path / "points.onnx"
    weights.write_bytes(weights.read_bytes() + b"x")
    with pytest.raises(ModelFileError, match="isn't the file") as error:
        Ensemble(tmp_path)
    assert error.value.field == "points.onnx"
    weights.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        Ensemble(tmp_path)
    card = json.loads((tmp_path / "ensemble.json").read_text())
    (tmp_path / "ensemble.json").write_text(json.dumps(card | {"version": 99}))
    with pytest.raises(ModelFileError, match="version 99"):
        Ensemble(tmp_path)
