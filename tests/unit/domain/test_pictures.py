"""Padding, key frames, the grade of a whole clip, PEEA's debounce: each against a known answer."""

from __future__ import annotations

import doctest
import itertools
import math
from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain import keyframes, lasting, padding
from wince.domain.debounce import Debounce, debounce
from wince.domain.keyframes import cieluv, difference, key_frames
from wince.domain.reason import Reason
from wince.errors import InputError

US = 1_000_000
sides = st.floats(1, 5000)


@pytest.mark.parametrize("module", [padding, keyframes, lasting])
def test_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


# ---------------------------------------------------------------- adaptive padding
@given(sides, sides, st.integers(8, 512))
def test_padding_fills_the_square_and_keeps_the_aspect(width: float, height: float, size: int) -> None:
    """Inner picture and pads make the square exactly; nothing is bent by more than rounding; the pads are balanced."""
    fitted = padding.fit(width, height, size)
    assert fitted.left + fitted.width + fitted.right == fitted.top + fitted.height + fitted.bottom == size
    assert max(fitted.width, fitted.height) == size
    assert abs(fitted.width - width * fitted.scale) <= 1
    assert abs(fitted.height - height * fitted.scale) <= 1
    assert 0 <= fitted.right - fitted.left <= 1
    assert 0 <= fitted.bottom - fitted.top <= 1


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, -1), (math.nan, 5), (math.inf, 5)])
def test_no_box_no_padding(width: float, height: float) -> None:
    with pytest.raises(InputError, match="padded"):
        padding.fit(width, height)


# ---------------------------------------------------------------- CIELUV key frames
@pytest.mark.parametrize(
    ("rgb", "luv"),
    [
        # published values of the sRGB primaries and secondaries under D65 (two decimals)
        ((255, 0, 0), (53.24, 175.01, 37.76)),
        ((0, 255, 0), (87.73, -83.08, 107.40)),
        ((0, 0, 255), (32.30, -9.40, -130.34)),
        ((255, 255, 0), (97.14, 7.71, 106.79)),
        ((0, 255, 255), (91.11, -70.48, -15.20)),
        ((255, 0, 255), (60.32, 84.07, -108.68)),
        ((128, 128, 128), (53.59, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
    ],
)
def test_cieluv_of_known_colours(rgb: tuple[int, int, int], luv: tuple[float, float, float]) -> None:
    assert cieluv(np.array(rgb, np.uint8)).tolist() == pytest.approx(luv, abs=0.06)


def by_the_book(rgb: tuple[int, int, int]) -> list[float]:
    """CIE 15, one colour at a time, in plain Python."""
    light = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (one / 255 for one in rgb)]
    rows = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
    x, y, z = (sum(a * b for a, b in zip(row, light, strict=True)) for row in rows)
    xn, yn, zn = (sum(row) for row in rows)
    if x + 15 * y + 3 * z == 0:
        return [0.0, 0.0, 0.0]
    lightness = 116 * (y / yn) ** (1 / 3) - 16 if y / yn > (6 / 29) ** 3 else (29 / 3) ** 3 * y / yn
    u, v = 4 * x / (x + 15 * y + 3 * z), 9 * y / (x + 15 * y + 3 * z)
    un, vn = 4 * xn / (xn + 15 * yn + 3 * zn), 9 * yn / (xn + 15 * yn + 3 * zn)
    return [lightness, 13 * lightness * (u - un), 13 * lightness * (v - vn)]


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_cieluv_is_the_formula(rgb: tuple[int, int, int]) -> None:
    assert cieluv(np.array([[rgb]], np.uint8))[0, 0].tolist() == pytest.approx(by_the_book(rgb), abs=1e-3)


def test_difference_is_the_mean_distance() -> None:
    """White to black on a quarter of the picture: L* changes by 100 there."""
    white = cieluv(np.full((4, 4, 3), 255, np.uint8))
    half = np.full((4, 4, 3), 255, np.uint8)
    half[:2, :2] = 0
    assert difference(white, cieluv(half)) == pytest.approx(25, abs=1e-3)
    assert difference(white, white) == 0
    with pytest.raises(InputError, match="compared"):
        difference(white, white[:2])


heights = st.lists(st.integers(0, 6), min_size=0, max_size=40)


@given(heights, st.integers(1, 6), st.integers(1, 5))
def test_key_frames_are_local_maxima(values: Sequence[int], most: int, apart: int) -> None:
    """Each is higher than what came before and than what comes next after its plateau; few, apart, in order; none is overlooked."""
    found = key_frames(values, most=most, apart=apart)
    assert found == sorted(set(found))
    assert len(found) <= most
    assert all(b - a >= apart for a, b in itertools.pairwise(found))
    every = key_frames(values, most=len(values) or 1)
    assert set(found) <= set(every)
    for index in every:
        assert values[index] > values[index - 1]
        assert next(v for v in values[index + 1 :] if v != values[index]) < values[index]
    strict = [i for i in range(1, len(values) - 1) if values[i - 1] < values[i] > values[i + 1]]
    assert set(strict) <= set(every)


def test_key_frames_of_a_blink_and_a_grimace() -> None:
    """Two bumps among noise: the noise is below `least`, a smoothed bump counts once."""
    values = [0, 0.1, 0.2, 0.1, 3, 2.9, 3.1, 0.2, 0.1, 8, 9, 7, 0.1, 0]
    assert key_frames(values, most=9) == [2, 4, 6, 10]
    assert key_frames(values, most=9, least=1, window=3) == [5, 10]
    assert key_frames(values, most=9, least=1, apart=4) == [6, 10]


# ---------------------------------------------------------------- PEEA: stable frames, the longest grade, the dim clip
def peea(labels: Sequence[int | None], stable: int) -> list[int | None]:
    """PEEA's rule told naively: the label of the last run of N equal frames; anything unassessable starts anew."""
    held: list[int | None] = []
    for end in range(1, len(labels) + 1):
        seen, answer = list(labels[:end]), None
        while seen and seen[-1] is not None and answer is None:
            if len(seen) >= stable and len(set(seen[-stable:])) == 1 and None not in seen[-stable:]:
                answer = seen[-1]
            seen.pop()
        held.append(answer)
    return held


@given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=30), st.integers(1, 4))
def test_debounce_is_peea_s_rule(labels: list[int | None], stable: int) -> None:
    state, held = Debounce(), []
    for label in labels:
        state = debounce(state, label, stable)
        held.append(state.held)
    assert held == peea(labels, stable)


@given(st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=40), st.integers(1, 4))
def test_seconds_are_those_of_the_held_frames(labels: list[int | None], stable: int) -> None:
    """At an even rate each grade's seconds are its held frames times the step, never more than the clip."""
    timed = [(position * 200_000, label) for position, label in enumerate(labels)]
    seconds = lasting.seconds_per_grade(timed, frames=stable, step_us=200_000, longest_us=400_000)
    held = [one for one in peea(labels, stable) if one is not None]
    assert seconds == pytest.approx({grade: held.count(grade) * 0.2 for grade in set(held)})
    assert lasting.lasting(seconds) == max(set(held), key=lambda grade: (held.count(grade), grade), default=None)


def test_a_pause_counts_for_nothing() -> None:
    """Ten minutes without a frame are nobody's grade, and break the run."""
    labels = [(0, 1), (US, 1), (601 * US, 1), (602 * US, 1)]
    assert lasting.seconds_per_grade(labels, frames=2, step_us=US, longest_us=2 * US) == {1: 3.0}


@given(st.integers(1, 500), st.integers(0, 500), st.floats(0.01, 1))
def test_the_dim_clip_is_left_out_whole(frames: int, dark: int, share: float) -> None:
    assert lasting.too_dim({Reason.DARK: dark, Reason.NONE: 3}, frames, share) == (dark >= share * frames)
    assert not lasting.too_dim({Reason.NONE: frames}, frames, share)
