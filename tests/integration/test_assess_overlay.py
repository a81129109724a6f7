"""`wince assess --overlay` as a person calls it."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from tests.face_models import fetched
from tests.support.assess import Called
from wince.testing import clips


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    fetched()


def times(path: Path) -> list[float]:
    with av.open(str(path)) as film:
        return [round(float(one.time), 3) for one in film.decode(video=0) if one.time is not None]


def test_a_film_is_written_once_and_again_where_another_face_is_wanted(tmp_path: Path) -> None:
    clip, target = clips.clip("bed1"), tmp_path / "out" / "seen.mp4"
    called = Called(tmp_path / "state", clip, "--overlay", target)
    assert called.code == 0, called.err
    assert f"overlay: {target}" in called.out
    assert times(target) == times(clip)
    first, written = target.read_bytes(), target.stat().st_ino
    again = Called(tmp_path / "state", clip, "--overlay", target)
    assert (again.code, target.stat().st_ino) == (0, written)
    other = Called(tmp_path / "state", clip, "--overlay", target, "--rotation", "180")
    assert other.code == 0, other.err
    assert target.read_bytes() != first
    assert [path.name for path in target.parent.iterdir()] == ["seen.mp4"]


def test_a_picture_has_no_film_and_wrong_places_are_usage_errors(tmp_path: Path) -> None:
    with av.open(str(clips.clip("bed1"))) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "face.png")
    called = Called(tmp_path / "state", tmp_path / "face.png", "--overlay", tmp_path / "films")
    assert (called.code, (tmp_path / "films").exists()) == (0, False)
    assert "face.png is a picture, no film" in called.out
    for overlay in (tmp_path / "one.mp4", tmp_path / "face.png"):
        wrong = Called(tmp_path / "state", tmp_path / "face.png", clips.clip("bed2"), "--overlay", overlay)
        assert wrong.code == 2
        assert "--overlay" in wrong.err
        assert "remedy" in wrong.err
