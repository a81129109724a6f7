"""Arrival times of live pictures: jitter taken out, drift followed, other clocks noticed."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wince.domain.frame import US
from wince.pipeline.capture.arrival import BEHIND_US, Arrival

T0 = 1_790_000_000 * US
STEP = US // 25


def test_jitter_of_the_network_is_not_in_the_times() -> None:
    """Pictures 40 ms apart that arrive up to 200 ms late are given 40 ms apart, once the least delay was seen."""
    arrival = Arrival()
    jitter = [0, 90, 200, 30, 0, 160, 10, 0, 75, 120] * 20
    times = [arrival.time_us(number * STEP, T0 + number * STEP + late * 1000) for number, late in enumerate(jitter)]
    assert {after - before for before, after in itertools.pairwise(times)} == {STEP}
    assert times[0] == T0


def test_a_camera_s_clock_that_runs_slow_or_fast_is_followed() -> None:
    """200 ppm off for 10 minutes are 120 ms; the time given stays within 20 ms of arrival."""
    for ppm in (-200, 200):
        arrival = Arrival()
        worst = 0
        for number in range(25 * 600):
            now = T0 + number * STEP
            worst = max(worst, now - arrival.time_us(int(number * STEP * (1 + ppm / 1e6)), now))
        assert worst < 20_000


def test_a_backlog_keeps_the_times_at_which_pictures_were_taken() -> None:
    """The network stood for 2 s, then gave everything at once."""
    arrival = Arrival()
    arrival.time_us(0, T0)
    times = [arrival.time_us(number * STEP, T0 + 2 * US + number) for number in range(1, 50)]
    assert times == [T0 + number * STEP for number in range(1, 50)]


def test_presentation_times_that_leap_are_another_clock() -> None:
    """A camera that restarts, or sets its clock: forward or back, times go on from arrival."""
    for leap in (-3600 * US, -US, 3600 * US):
        arrival = Arrival()
        for number in range(50):
            arrival.time_us(10_000 * US + number * STEP, T0 + number * STEP)
        now = T0 + 50 * STEP
        assert arrival.time_us(10_000 * US + 50 * STEP + leap, now) == now


def test_one_wrong_time_far_ahead_does_not_shift_a_camera_for_long() -> None:
    """A damaged presentation time makes everything after it seem old; after 2 s it is a new beginning."""
    arrival = Arrival()
    for number in range(50):
        arrival.time_us(number * STEP, T0 + number * STEP)
    arrival.time_us(50 * STEP + 400_000, T0 + 50 * STEP)
    behind = [T0 + n * STEP - arrival.time_us(n * STEP, T0 + n * STEP) for n in range(51, 2000)]
    assert behind[-1] == 0
    arrival = Arrival()
    arrival.time_us(0, T0)
    arrival.time_us(BEHIND_US * 4, T0 + STEP)
    later = [T0 + n * STEP - arrival.time_us(BEHIND_US * 4 - US // 4 - BEHIND_US * 2 + n * STEP, T0 + n * STEP) for n in range(2, 100)]
    assert later[-1] == 0


def test_presentation_times_that_stand_still_or_creep_are_none() -> None:
    """Else every picture of five seconds would be one and the same sample."""
    for creep in (0, 1, 1000):
        arrival = Arrival()
        times = [arrival.time_us(7 * US + number * creep, T0 + number * STEP) for number in range(250)]
        assert times[2:] == [T0 + number * STEP for number in range(2, 250)]


def test_a_clock_that_stood_still_and_goes_on_is_followed_again() -> None:
    arrival = Arrival()
    stamps = [*range(0, 50 * STEP, STEP), *[50 * STEP] * 50, *range(51 * STEP, 101 * STEP, STEP)]
    times = [arrival.time_us(stamp, T0 + number * STEP) for number, stamp in enumerate(stamps)]
    assert all(T0 + (number - 50) * STEP <= time <= T0 + number * STEP for number, time in enumerate(times))
    assert {after - before for before, after in itertools.pairwise(times[52:100])} == {STEP}


def test_without_presentation_times_it_is_arrival() -> None:
    arrival = Arrival()
    assert arrival.time_us(None, T0) == T0
    assert arrival.time_us(None, T0) == T0 + 1


def test_a_new_connection_goes_on_after_the_last() -> None:
    first = Arrival()
    last = first.time_us(0, T0)
    assert Arrival(first.last_us).time_us(0, T0 - 5) == last + 1


@given(st.lists(st.tuples(st.integers(0, 1 << 40) | st.none(), st.integers(0, 5 * US)), max_size=60))
def test_times_rise_and_are_never_after_arrival_by_more_than_it_takes_to_rise(steps: list[tuple[int | None, int]]) -> None:
    arrival, now, last = Arrival(), T0, -1
    for number, (pts, passed) in enumerate(steps):
        now += passed
        at = arrival.time_us(pts, now)
        assert last < at <= now + number
        last = at
