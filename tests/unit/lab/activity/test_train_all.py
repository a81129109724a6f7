"""From corpus to ensemble without the training itself: who is trained on what, and what the card says of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import corpus as made
from wince.errors import DataError
from wince.lab.activity import train_all
from wince.lab.activity.inputs import Examples
from wince.lab.activity.train import Settings
from wince.lab.corpus import recipe
from wince.models.fetch import path


def test_training_names_the_person_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(train_all, "torch_module", lambda: None)
    made.write(tmp_path, range(40000, 40002))
    with pytest.raises(DataError) as caught:
        train_all.train_all(tmp_path, tmp_path / "work", tmp_path / "out", persons=3)
    assert caught.value.field == "40002.npz"
    assert not (tmp_path / "out").exists()


def test_every_member_is_trained_and_the_card_says_on_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The way from corpus to ensemble without the training itself: members, seeds, epochs, persons."""
    path("face_landmarks")
    for name in ("VALIDATION", "LOOKS_VALIDATION"):
        monkeypatch.setattr(train_all.recipe, name, getattr(recipe, name)[:1])
    made.write(tmp_path, [*recipe.TRAIN[:2], *recipe.LOOKS[:1], *recipe.VALIDATION, *recipe.LOOKS_VALIDATION])
    monkeypatch.setattr(train_all, "torch_module", lambda: None)
    trained: list[tuple[str, int, int, str]] = []

    def train(settings: Settings, data: Examples, validation: Examples, checkpoint: Path, progress: Callable[..., None]) -> str:
        assert (len(data.x), len(validation.x)) == (6, 4), "each still as drawn and small"
        trained.append((settings.kind, settings.seed, settings.epochs, checkpoint.name))
        progress(1, 2.0, 1.0)
        return settings.kind

    exported: list[tuple[Any, ...]] = []
    monkeypatch.setattr(train_all, "train", train)
    monkeypatch.setattr(train_all, "calibrate", lambda *_: {})
    monkeypatch.setattr(train_all, "errors", lambda *_: (2.0, 1.0))
    monkeypatch.setattr(train_all, "export", lambda *arguments: exported.append(arguments))
    said: list[str] = []
    found = train_all.train_all(tmp_path, tmp_path / "work", tmp_path / "out", seed=10, persons=2, looks=1, say=said.append)
    assert found == ["maps1", "maps2", "points1", "crop1"]
    assert trained == [
        ("maps", 11, 16, "maps-11.pt"), ("maps", 12, 16, "maps-12.pt"), ("points", 11, 24, "points-11.pt"), ("crop", 11, 14, "crop-11.pt"),
    ]  # fmt: skip
    assert said[-1] == "crop1 epoch 1: PSPI error 2.000, against the calm face 1.000"
    [(models, kinds, target, card)] = exported
    assert (models, target) == ({"maps1": "maps", "maps2": "maps", "points1": "points", "crop1": "crop"}, tmp_path / "out")
    assert kinds == models
    assert (card["train_persons"], card["train_persons_of_varied_look"], card["seeds"]["maps2"]) == (2, 1, 12)
    trained.clear()
    only = train_all.train_all(tmp_path, tmp_path / "work", tmp_path / "out", epochs=3, persons=2, looks=1, only="points1", say=said.append)
    assert (only, trained, len(exported)) == (["points1"], [("points", 1, 3, "points-1.pt")], 1)
