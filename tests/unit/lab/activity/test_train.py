"""Training goes on where it was killed, and every broken file is named. Needs torch (extra `train`)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import corpus as made
from wince.errors import DataError, ModelFileError, ResourceError
from wince.lab.activity.calibrate import calibrate, confidence, falling, familiar, weights
from wince.lab.activity.inputs import Examples, examples, together
from wince.lab.activity.train import Settings, train
from wince.lab.corpus.read import Corpus, read_corpus
from wince.models.activity import CARD, KINDS, OUTPUTS, SCALES, Ensemble, Opinion
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
    return {kind: examples(kind, corpus) for kind in KINDS}


def test_examples_leave_out_what_may_not_be_learned_from(corpus: Corpus, data: dict[str, Examples]):
    weight = data["maps"].weight.reshape(-1)
    assert (weight[~corpus.usable] == 0).all()
    assert (weight[corpus.usable] > 0).all()
    assert np.allclose(data["maps"].calm.sum(axis=1), 1)
    assert data["maps"].y.min() >= 0
    assert data["maps"].y.max() <= 1
    assert data["points"].x.shape[2:] == KINDS["points"]


def test_persons_seen_twice_count_twice(data: dict[str, Examples]):
    both = together([data["points"], data["points"]])
    assert len(both.x) == len(both.calm) == 2 * len(data["points"].x)
    with pytest.raises(DataError, match="ears"):
        examples("ears", None)  # type: ignore[arg-type]


def test_settings_are_checked():
    with pytest.raises(DataError, match="member"):
        Settings("ears")


def test_a_member_weighs_by_how_near_it_came_output_by_output():
    truth, rng = np.full((200, 2), 0.5, np.float32), np.random.default_rng(2)
    near, far = (truth + rng.normal(0, spread, truth.shape).astype(np.float32) for spread in ((0.1, 0.2), (0.2, 0.1)))
    weight = weights([(near, near), (far, far)], truth)
    assert weight.sum(axis=0).tolist() == pytest.approx([1, 1])
    assert weight[0].tolist() == pytest.approx([256 / 257, 1 / 257], abs=0.005)
    assert weights([(truth, truth), (far, far)], truth).min() > 0.0009


def test_tone_exposure_and_light_hardly_change_what_the_net_sees_of_a_crop():
    torch = pytest.importorskip("torch", reason="needs torch (extra train)")
    from wince.lab.activity.nets import LocalContrast

    side = KINDS["crop"][1]
    x = torch.from_numpy(np.random.default_rng(4).uniform(0.5, 1.5, (1, 1, side, side)).astype(np.float32))
    light = torch.linspace(0.6, 1.4, side)
    seen, dim, lit, other = (LocalContrast(side)(one) for one in (x, 0.4 * x, x * light, x.flip(-1)))
    assert torch.isfinite(LocalContrast(side)(torch.zeros_like(x))).all()
    assert (seen - dim).abs().mean() < 0.1 * (seen - other).abs().mean()
    assert (seen - lit).abs().mean() < 0.2 * (seen - other).abs().mean()


def test_a_varied_crop_is_another_picture_of_the_same_and_a_persons_stills_are_mirrored_together():
    torch = pytest.importorskip("torch", reason="needs torch (extra train)")
    from wince.lab.activity.augment import varied

    side, half = KINDS["crop"][1], KINDS["crop"][1] // 2
    x = torch.full((40, 4, 1, side, side), 60.0)
    x[..., :half] = 180.0  # bright on the left
    torch.manual_seed(1)
    out = varied("crop", x, torch.ones(1))
    assert out.shape == x.shape
    assert 0 <= out.min() < out.max() <= 255
    turned = (out[..., :half].mean(dim=(2, 3, 4)) < out[..., half:].mean(dim=(2, 3, 4))).float().mean(dim=1)
    assert set(turned.tolist()) == {0.0, 1.0}
    assert 0.2 < turned.mean() < 0.8
    assert not torch.equal(out[0, 0], out[0, 1])


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


def test_doubt_becomes_the_share_of_right_scores_and_never_rises():
    rng = np.random.default_rng(8)
    doubt = rng.uniform(0.5, 6, 4000)
    truth, mean = np.zeros((2, 4000, len(OUTPUTS)), np.float32)
    spread = np.ones_like(mean)
    column = OUTPUTS.index("gated")
    spread[:, column] = doubt
    mean[:, column] = rng.normal(0, doubt)
    table = confidence(Opinion(mean, spread), truth)
    assert np.diff(table["share"]).max() <= 0
    assert table["share"][0] > 0.95
    assert 0.2 < table["share"][-1] < 0.4  # within 2 of the truth at a spread of about 5.7: 27 %
    assert falling(np.array([1.0, 0.5, 0.7, 0.2])).tolist() == pytest.approx([1.0, 0.6, 0.6, 0.2])


MEMBERS = {"maps1": "maps", "points1": "points", "crop1": "crop"}


@pytest.fixture(scope="module")
def exported(data: dict[str, Examples], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    pytest.importorskip("torch", reason="needs torch (extra train)")
    from wince.lab.activity.export import export

    folder = tmp_path_factory.mktemp("ensemble")
    models = {m: train(Settings(k, epochs=1, batch=2), data[k], data[k], folder / f"{m}.pt") for m, k in MEMBERS.items()}
    card = {"seed": 1, "familiar": familiar(data["maps"]), **calibrate(models, MEMBERS, data)}
    export(models, MEMBERS, folder / "out", card)
    return folder / "out", models


def test_the_exported_ensemble_says_what_torch_says(exported: tuple[Path, dict[str, Any]], data: dict[str, Examples]):
    torch = pytest.importorskip("torch")
    folder, models = exported
    ensemble = Ensemble(folder)
    x = {kind: data[kind].x.reshape(-1, *KINDS[kind])[:7] for kind in KINDS}
    opinion, embeddings = ensemble.free(x, np.zeros(7, np.float32))
    calm = embeddings[::-1].copy()
    own = ensemble.personal(embeddings, calm)
    means, personal, parts = [], [], []
    with torch.no_grad():
        for member, kind in MEMBERS.items():
            embedding, mean, _ = models[member](torch.from_numpy(x[kind]))
            means.append(mean.numpy())
            parts.append(embedding.numpy())
            other = torch.from_numpy(parts[-1][::-1].copy())
            personal.append(models[member].personal(torch.cat([embedding, embedding - other], dim=1))[0].numpy())
    assert np.abs(np.concatenate(parts, axis=1) - embeddings[:, : sum(p.shape[1] for p in parts)]).max() < 1e-3
    weight = np.array([ensemble.card["weights"][member] for member in MEMBERS])
    for said, expected in ((opinion, means), (own, personal)):
        weighed = (weight[:, None] / weight.sum(axis=0) * np.stack(expected)).sum(axis=0)
        assert np.abs(said.mean / SCALES - np.clip(weighed, 0, 1)).max() < 2e-3
        assert said.spread.min() > 0
    assert np.abs(own.mean - opinion.mean).max() > 0.01
    assert sum(file.stat().st_size for file in folder.iterdir()) < 12e6


def test_an_export_that_finds_the_disk_full_keeps_the_last_ensemble(
    exported: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from wince.lab.activity import export as module

    folder = tmp_path / "out"
    folder.mkdir()
    for file in exported[0].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def full(*given: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr(module, "_member", full)
    with pytest.raises(ResourceError, match="disk is full"):
        module.export(exported[1], MEMBERS, folder, json.loads(before[CARD]))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_the_average_of_the_weights_is_what_is_kept(data: dict[str, Examples], tmp_path: Path):
    torch = pytest.importorskip("torch", reason="needs torch (extra train)")
    few = data["points"]
    model = train(Settings("points", epochs=3, batch=2, average=0.99), few, few, tmp_path / "a.pt")
    state = torch.load(tmp_path / "a.pt", weights_only=True)
    name = "free.net.1.weight"
    assert not torch.equal(state["average"][name], state["model"][name])
    assert torch.equal(model.state_dict()[name], state["best_weights"][name])
    last = train(Settings("points", epochs=1, batch=2, average=0.0), few, few, tmp_path / "b.pt")
    state = torch.load(tmp_path / "b.pt", weights_only=True)
    assert torch.allclose(last.state_dict()[name], state["average"][name])
    with pytest.raises(DataError, match="average"):
        Settings("points", average=1.0)
