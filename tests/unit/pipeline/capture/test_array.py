"""Pictures in memory are sampled, scaled and timed as a file's."""

from __future__ import annotations

import numpy as np
import pytest

from wince.domain.frame import Beat, Frame
from wince.errors import InputError
from wince.pipeline.capture.array import ArraySource, checked

US = 1_000_000


def film(count: int, height: int = 8, width: int = 10) -> np.ndarray:
    return np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, height, width, 3), np.uint8)


def messages(array: np.ndarray, rate_hz: float | None, sampled_hz: float = 5.0, rotation: int = 0) -> list[Frame | Beat]:
    pixels = checked(array, rate_hz)
    return list(ArraySource(pixels, pixels.source, rate_hz=sampled_hz, rotation=rotation))


def test_a_film_is_sampled_on_the_grid_and_a_beat_ends_each_second() -> None:
    """55 pictures, 25 a second, sampled five times: every fifth."""
    found = messages(film(55), 25.0)
    frames, beats = [one for one in found if isinstance(one, Frame)], [one for one in found if isinstance(one, Beat)]
    assert [(one.time_us, int(one.pixels[0, 0, 0])) for one in frames] == [(n * US // 5, n * 5) for n in range(11)]
    assert [(one.time_us, one.frames, one.ended) for one in beats] == [(US, 5, False), (2 * US, 5, False), (round(2.2 * US), 1, True)]


def test_a_slow_film_leaves_grid_points_out() -> None:
    """Two pictures a second: nothing is made up for the rest."""
    frames = [one for one in messages(film(4), 2.0) if isinstance(one, Frame)]
    assert [one.sequence for one in frames] == [0, 2, 5, 7]


def test_a_picture_is_one_frame_and_one_step() -> None:
    frame, beat = messages(film(1)[0], None)
    assert isinstance(frame, Frame)
    assert isinstance(beat, Beat)
    assert (frame.time_us, beat.time_us, beat.frames, beat.ended) == (0, US // 5, 1, True)


def test_big_pictures_are_scaled_down_and_turned() -> None:
    """To the working size of files; C-contiguous, also of an array that is a view."""
    big = np.zeros((2, 100, 4000, 3), np.uint8)[:, :, ::-1]
    frame = next(one for one in messages(big, 5.0, rotation=90) if isinstance(one, Frame))
    assert frame.pixels.shape == (1920, 48, 3)
    assert frame.pixels.flags.c_contiguous


def test_one_array_has_one_name() -> None:
    """By content, shape and rate."""
    one, other = film(3), film(3)
    other[2, 0, 0, 0] = 9
    names = [checked(one, 5.0).source, checked(one, 6.0).source, checked(other, 5.0).source, checked(one.reshape(3, 4, 20, 3), 5.0).source]
    assert len(set(names)) == 4
    assert checked(film(3), 5.0).source == names[0]


@pytest.mark.parametrize(
    ("array", "rate_hz", "field"),
    [
        (np.zeros((4, 4, 3), np.float32), None, "clip"),
        (np.zeros((4, 4), np.uint8), None, "clip"),
        (np.zeros((4, 4, 4), np.uint8), None, "clip"),
        (np.zeros((0, 4, 4, 3), np.uint8), 5.0, "clip"),
        (np.zeros((2, 4, 4, 3), np.uint8), None, "rate_hz"),
        (np.zeros((2, 4, 4, 3), np.uint8), 0.0, "rate_hz"),
        (np.zeros((2, 4, 4, 3), np.uint8), float("nan"), "rate_hz"),
        (np.zeros((2, 4, 4, 3), np.uint8), 1e-6, "clip"),
    ],
)
def test_what_is_no_film_and_no_picture_is_named(array: np.ndarray, rate_hz: float | None, field: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(array, rate_hz)
    assert caught.value.field == field
    assert caught.value.remedy
