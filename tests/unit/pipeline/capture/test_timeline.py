"""The grid and the beats, as properties."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.pipeline.capture.timeline import TOLERANCE_US, Grid, Timeline

RATES = st.sampled_from([0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 25.0, 30000 / 1001])


@given(RATES, st.integers(0, 100_000))
def test_a_grid_point_is_its_own_sample(rate: float, point: int) -> None:
    """Also when its time was cut to milliseconds, as Matroska does."""
    grid = Grid(rate)
    assert grid.point(grid.time_us(point)) == point
    assert grid.point(grid.time_us(point) // 1000 * 1000) == point
    assert grid.point(grid.time_us(point) - TOLERANCE_US - 1) == point - 1


@given(RATES, st.integers(0, 10**12), st.integers(0, 10**7))
def test_points_never_go_back(rate: float, time_us: int, later: int) -> None:
    """And lie at k / rate."""
    grid = Grid(rate)
    assert grid.point(time_us + later) >= grid.point(time_us)
    assert abs(Fraction(grid.time_us(grid.point(time_us)), US) - Fraction(time_us, US)) <= 1 / Fraction(rate).limit_denominator(1000)


def test_a_rate_must_be_positive() -> None:
    """Zero samples a second is no rate."""
    with pytest.raises(ValueError, match="rate_hz"):
        Grid(0)


def played(times: list[int], damaged: set[int], end_us: int, broken: bool) -> list[Beat]:
    timeline, grid, beats = Timeline("cam", Grid(5), origin_us=60 * US), Grid(5), []
    for time_us in times:
        beats += timeline.until(time_us)
        point = grid.point(time_us)
        if time_us in damaged:
            timeline.damaged(time_us)
        elif timeline.wants(point):
            timeline.frame(point)
    return [*beats, *timeline.end(end_us, broken=broken)]


@given(st.lists(st.integers(0, 40 * US), unique=True).map(sorted), st.data(), st.booleans())
def test_every_second_is_spoken_for_once_and_everything_is_counted(times: list[int], data: st.DataObject, broken: bool) -> None:
    """Whatever the times: one beat a second, the last one at the end; frames + corrupt = grid points that were hit."""
    damaged = set(data.draw(st.lists(st.sampled_from(times)))) if times else set()
    end_us = (times[-1] if times else 0) + data.draw(st.integers(1, 5 * US))
    beats = played(times, damaged, end_us, broken)
    ends = [beat.time_us - 60 * US for beat in beats]
    assert ends[:-1] == [second * US for second in range(1, len(ends))]
    assert ends[-1] == end_us
    assert len(ends) == -(-end_us // US)
    assert [beat.ended for beat in beats] == [False] * (len(beats) - 1) + [True]
    points = {Grid(5).point(time_us) for time_us in times}
    good = {Grid(5).point(time_us) for time_us in times if time_us not in damaged}
    assert sum(beat.frames for beat in beats) == len(good)
    assert sum(beat.corrupt for beat in beats) == len(points - good)
    for beat in beats[:-1]:
        assert (beat.reason is None) == (beat.frames > 0)
        if beat.corrupt and not beat.frames:
            assert beat.reason is Reason.CORRUPT
    assert (beats[-1].reason is Reason.CORRUPT) or not broken


def test_a_damaged_picture_just_before_its_point_counts_although_the_source_ends_there() -> None:
    (beat,) = played([999_000], {999_000}, 999_001, broken=False)
    assert (beat.corrupt, beat.frames, beat.reason) == (1, 0, Reason.CORRUPT)
