"""Media time of pictures whose timestamps are wrong in some way: what is believed, what is put behind, what is told."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.frame import US
from wince.pipeline.capture.stamps import BACK_US, Clock, Stamped, remarks

STEP = US // 10
Stamps = list[int | None]


def played(stamps: Stamps, rate: float | None = 10, end_us: int | None = None) -> tuple[list[tuple[int, bool]], Clock[int]]:
    """The time of each picture, and whether it was believed."""
    clock: Clock[int] = Clock(rate, end_us=end_us)
    placed = list(clock.placed(Stamped(stamp, number) for number, stamp in enumerate(stamps)))
    assert [one.item for one in placed] in (list(range(len(stamps))), []), "none is left out, and none comes twice"
    return [(one.time_us, one.believed) for one in placed], clock


def steady(many: int, begin_us: int = 0) -> Stamps:
    return [begin_us + number * STEP for number in range(many)]


def on(many: int) -> list[tuple[int, bool]]:
    """Believed, one step after the other."""
    return [(number * STEP, True) for number in range(many)]


def test_steady_timestamps_are_media_time_and_nothing_is_said() -> None:
    times, clock = played(steady(170))
    assert times == on(170)
    assert (remarks(clock), clock.first_us, clock.shared_us) == ((), None, 0)


@pytest.mark.parametrize("back_us", [400_000, 2 * US, 9 * US, 3600 * US])
def test_timestamps_that_begin_again_go_on_from_the_picture_before(back_us: int) -> None:
    times, clock = played(steady(90) + steady(80, begin_us=9 * US - back_us))
    assert times == on(170)
    assert clock.restarts == 1
    assert clock.first_us == 89 * STEP
    assert "begin again (1 x, first at 8.9 s)" in remarks(clock)[0]


def test_many_restarts_lose_nothing() -> None:
    times, clock = played(steady(25) * 8)
    assert times == on(200)
    assert clock.restarts == 7


def test_one_picture_with_a_time_of_before_is_damage() -> None:
    """The clock goes on as it was; the picture's own moment is lost, and only that."""
    times, clock = played([*steady(50), 0, *steady(50, begin_us=51 * STEP)])
    assert [believed for _, believed in times] == [True] * 50 + [False] + [True] * 50
    assert times[50][0] == 50 * STEP
    assert times[51:] == [(number * STEP, True) for number in range(51, 101)]
    assert clock.restarts == 0


def test_one_picture_with_a_time_far_ahead_is_damage_and_several_are_a_pause() -> None:
    times, _ = played([*steady(50), 3600 * US, *steady(50, begin_us=51 * STEP)])
    assert times[50] == (50 * STEP, False)
    assert times[51:] == [(number * STEP, True) for number in range(51, 101)]
    times, clock = played([*steady(50), *steady(50, begin_us=60 * US)])
    assert times[50:] == [(60 * US + number * STEP, True) for number in range(50)]
    assert remarks(clock) == ()


def test_a_last_picture_far_ahead_is_believed_within_the_declared_length_only() -> None:
    stamps = [*steady(20), 8 * US]
    assert played(stamps, end_us=9 * US)[0][-1] == (8 * US, True)
    assert played(stamps)[0][-1] == (20 * STEP, False)


@pytest.mark.parametrize("creep_us", [0, 1, 11, 100, 1000])
def test_pictures_whose_timestamps_stand_still_are_timed_by_the_declared_rate(creep_us: int) -> None:
    times, clock = played([number * creep_us for number in range(170)])
    assert [time for time, _ in times[2:]] == [number * STEP for number in range(2, 170)]
    assert clock.standing == 168
    assert "timed by the rate, 10 a second" in remarks(clock)[0]


def test_where_timestamps_stood_still_from_some_moment_on_the_rate_is_that_of_before() -> None:
    """Not the declared one, which is another; and what comes after the standstill lies behind it."""
    stamps = [*steady(50), *[49 * STEP] * 50, *steady(50, begin_us=50 * STEP)]
    times, clock = played(stamps, rate=25)
    assert times[51:100] == [(number * STEP, True) for number in range(51, 100)]
    assert times[100:] == [(number * STEP, True) for number in range(100, 150)]
    assert clock.standing == 49


def test_two_alike_are_rounding() -> None:
    """50 fields a second with the times of 25 pictures: no longer than they are."""
    times, clock = played([number // 2 * 40_000 for number in range(100)], rate=50)
    assert times == [(number // 2 * 40_000, True) for number in range(100)]
    assert remarks(clock) == ()


def test_pictures_without_timestamps_between_others_come_one_step_later_each() -> None:
    """As B-pictures of an AVI."""
    stamps: Stamps = [stamp if number % 3 == 0 else None for number, stamp in enumerate(steady(99))]
    times, clock = played(stamps)
    assert times == on(99)
    assert clock.standing == 66


@pytest.mark.parametrize("stamps", [[None] * 5, [0] * 5, [7, 8, 9, 10, 11]])
def test_without_timestamps_and_rate_nothing_is_given_and_it_is_said_why(stamps: Stamps) -> None:
    times, clock = played(stamps, rate=None)
    assert times == []
    assert clock.useless
    assert played([None] * 5)[1].useless, "a rate alone gives no time to a file that has none"


@pytest.mark.parametrize("rate", [1000.0, 90_000.0, 0.0, None])
def test_a_rate_that_no_camera_has_times_nothing(rate: float | None) -> None:
    assert played([0] * 10, rate=rate)[1].useless


def test_one_picture_is_a_film_of_one_picture() -> None:
    for rate in (None, 10.0):
        assert played([0], rate=rate)[0] == [(0, True)]
        assert played([0, 0], rate=rate)[0] == [(0, True), (0, True)]


def test_a_file_that_begins_before_its_declared_start_is_whole() -> None:
    times, clock = played(steady(100, begin_us=-8 * US))
    assert times == on(100)
    assert remarks(clock) == ()


def test_small_steps_back_again_and_again_are_told_and_counted() -> None:
    """Each too small to be another clock; together they are time that was overwritten."""
    stamps = list(itertools.chain.from_iterable(steady(10, begin_us=second * 8 * STEP) for second in range(20)))
    times, clock = played(stamps)
    assert all(believed for _, believed in times)
    assert clock.shared_us > US
    assert any("fell into time that was over" in remark for remark in remarks(clock))


def test_pictures_that_a_decoder_gives_in_the_wrong_order_keep_their_times() -> None:
    order = [0, 2, 1, 3, 5, 4, 6, 8, 7, *range(9, 30)]
    times, clock = played([number * 40_000 for number in order], rate=25)
    assert times == [(number * 40_000, True) for number in order]
    assert clock.restarts == 0


def test_lost_packets_with_wild_times_move_nothing() -> None:
    clock: Clock[int] = Clock(10)
    stamped = [Stamped(number * STEP, number) for number in range(50)]
    stamped[25] = Stamped(3600 * US, 25, lost=True, safe_us=3600 * US)
    placed = list(clock.placed(stamped))
    assert (placed[25].time_us, placed[25].believed) == (25 * STEP, False)
    assert [one.time_us for one in placed[26:]] == [number * STEP for number in range(26, 50)]


def test_packets_of_another_clock_that_give_no_picture_take_their_time() -> None:
    """Another codec behind the first, with timestamps from 0: five seconds are missing, and are not put over what was seen."""
    clock: Clock[int] = Clock(10)
    lost = [Stamped(number * STEP, number, lost=True, safe_us=number * STEP) for number in range(50)]
    placed = list(clock.placed([*(Stamped(number * STEP, number) for number in range(50)), *lost]))
    assert [one.time_us for one in placed[50:]] == [number * STEP for number in range(50, 100)]
    assert not any(one.believed for one in placed[50:])


@given(st.lists(st.integers(-20 * US, 20 * US) | st.none(), max_size=40))
def test_whatever_the_timestamps_are_no_picture_is_left_out_and_time_never_leaps_back(stamps: Stamps) -> None:
    """Beyond what reordering may."""
    times, clock = played(stamps)
    assert bool(times) or not stamps or clock.useless
    reached = 0
    for time_us, believed in times:
        assert not believed or time_us >= reached - BACK_US or reached == 0
        reached = max(reached, time_us) if believed else reached
