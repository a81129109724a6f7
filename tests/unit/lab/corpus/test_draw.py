"""Drawing the corpus: same seed, same content; what is drawn stays; a full disk leaves nothing half-written. Needs head and EGL."""

import errno
from pathlib import Path

import numpy as np
import pytest

from wince.errors import DataError, ResourceError
from wince.lab.corpus import draw, plan
from wince.lab.corpus.read import read_corpus
from wince.lab.corpus.small import small


def test_the_same_person_is_drawn_the_same_and_not_again(tmp_path: Path, head_file: Path):
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        draw.draw_corpus(folder, head_file, [40003])
    told: list[int] = []
    draw.draw_corpus(first, head_file, [40003], progress=told.append)
    assert told == []
    a, b = (np.load(folder / "40003.npz") for folder in (first, second))
    assert all((a[name] == b[name]).all() for name in a.files)
    corpus = read_corpus(first, [40003])
    assert corpus["found"][corpus.calm].all()
    assert corpus["presence"][corpus.usable].min() > 0.5


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(file: object, **arrays: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(draw, "person_arrays", lambda seed, head: {"x": np.zeros(3)})
    monkeypatch.setattr(draw.np, "savez", full)
    with pytest.raises(ResourceError, match="disk is full"):
        draw.draw_person(tmp_path, None, 40000)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_missing_head_is_told_before_anything_starts(tmp_path: Path):
    with pytest.raises(DataError, match="no such file"):
        draw.draw_corpus(tmp_path / "out", tmp_path / "none.npz", [40000])
    assert not (tmp_path / "out").exists()


def test_a_camera_changes_the_picture_but_not_its_size():
    picture = np.random.default_rng(1).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    grey = draw.developed(picture, plan.Camera(1.0, (1.0, 1.0, 1.0), True, 95))
    assert grey.shape == picture.shape
    assert np.abs(grey.astype(int)[..., 0] - grey.astype(int)[..., 1]).max() <= 3
    dark = draw.developed(picture, plan.Camera(2.0, (1.0, 1.0, 1.0), False, 95))
    assert dark.mean() < picture.mean() - 20


def test_small_faces_keep_their_truth_and_are_seen_the_same_twice(tmp_path: Path, head_file: Path):
    draw.draw_corpus(tmp_path, head_file, [40003])
    corpus = read_corpus(tmp_path, [40003])
    once, again = small(corpus), small(corpus)
    assert (once["features"] == again["features"]).all()
    assert (once["pspi"] == corpus["pspi"]).all()
    seen = corpus.usable
    assert np.abs(once["features"][seen].astype(float) - corpus["features"][seen]).mean() > 0.01
    assert (once["features"][~seen] == corpus["features"][~seen]).all()
    middle = once["landmarks"][seen][:, :, :2].mean(axis=(0, 1))
    assert np.abs(middle - 128).max() < 20  # the face stays in the middle of the crop
