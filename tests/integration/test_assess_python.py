"""`wince.assess` from Python: paths, arrays, lists of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wince
from tests.astronaut import astronaut
from tests.face_models import fetched
from wince.assess.reading import NO_READING
from wince.domain.frame import Frame
from wince.errors import InputError, MediaError
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.still import StillSource
from wince.testing import clips


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    fetched()


def pictures(path: str | Path, rate_hz: float) -> np.ndarray:
    return np.stack([one.pixels for one in FileSource(path, "s", rate_hz=rate_hz) if isinstance(one, Frame)])


def test_an_array_comes_to_what_its_file_comes_to() -> None:
    """The same pictures at the same times: the same frames, windows and alerts, number for number."""
    film = pictures(clips.clip("bed1"), 10.0)
    of_file, of_array = wince.assess(clips.clip("bed1")), wince.assess(film, rate_hz=10.0)
    assert of_array.frames == of_file.frames
    assert of_array.headline.longest == of_file.headline.longest
    of_both = [[(one.start_us, one.end_us, one.grade) for one in result.alerts] for result in (of_array, of_file)]
    assert of_both[0] == of_both[1]
    assert of_array.alerts
    assert of_array.duration_s == of_file.duration_s


def test_a_picture_in_memory_is_a_still() -> None:
    frame = next(one for one in StillSource(astronaut(), "s", rate_hz=5.0) if isinstance(one, Frame))
    of_file, of_array = wince.assess(astronaut()), wince.assess(frame.pixels)
    assert (of_array.still, of_array.frames, of_array.plain) == (True, of_file.frames, of_file.plain)
    assert of_array.source != of_file.source


def test_a_list_gives_a_list_and_one_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    """Paths and arrays beside each other, in their order."""
    (tmp_path / "notes.txt").write_text("no video")
    grey = np.full((240, 320, 3), 128, np.uint8)
    film = np.repeat(grey[None], 15, axis=0)
    found = wince.assess([astronaut(), tmp_path / "notes.txt", grey, np.zeros((2, 2), np.uint8), film], rate_hz=15)
    assert [bool(one.error) for one in found] == [False, True, False, True, False]
    assert [one.duration_s for one in found] == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert (found[2].plain, found[2].faces) == (NO_READING, 0)
    assert found[1].path == tmp_path / "notes.txt"
    assert wince.assess([]) == []


def test_alone_it_raises(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(MediaError):
        wince.assess(tmp_path / "notes.txt")
    with pytest.raises(InputError):
        wince.assess(np.zeros((2, 4, 4, 3), np.uint8))


def test_a_reference_without_a_face_is_everybody_s_fault(tmp_path: Path) -> None:
    """Of a list, too: nothing can be assessed against it."""
    from PIL import Image

    Image.new("RGB", (320, 240), "grey").save(tmp_path / "wall.png")
    with pytest.raises(InputError):
        wince.assess([astronaut()], reference=tmp_path / "wall.png")


@pytest.mark.parametrize("clip", [None, 3, b"clip.mp4", (picture for picture in ()), object()])
def test_what_is_neither_a_path_nor_a_picture_is_refused_by_name(clip: object) -> None:
    """Of a list, in its result; before, it was Python's TypeError from within, and a list lost its other results to it."""
    with pytest.raises(InputError, match="neither a path nor a picture") as refused:
        wince.assess(clip)
    assert refused.value.field == "clip"
    still, bad = wince.assess([np.full((240, 320, 3), 128, np.uint8), clip])
    assert (still.error, "neither a path nor a picture" in bad.error) == ("", True)
