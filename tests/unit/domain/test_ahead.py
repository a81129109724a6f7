"""Times from the future: one is refused, a clock that stays ahead is followed, one that returns is believed again."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from wince.domain.ahead import Bound, Doubt
from wince.domain.frame import US

BOUND = Bound(ahead_us=30 * US, hold_us=60 * US, messages=30)
T0 = 1_790_000_000 * US
DAY = 86_400 * US


def judged(messages: Iterable[tuple[int, int]]) -> list[bool]:
    """Whether each message of (time, now) is taken."""
    doubt, taken = Doubt(), []
    for time_us, now_us in messages:
        doubt = doubt.after(time_us, now_us, BOUND)
        taken.append(doubt.takes(time_us, now_us, BOUND))
    return taken


def seconds(count: int, ahead_us: int = 0, since_us: int = T0) -> list[tuple[int, int]]:
    """A message a second of a clock that runs ahead."""
    return [(since_us + second * US + ahead_us, since_us + second * US) for second in range(count)]


def test_what_is_near_now_or_past_is_taken() -> None:
    assert all(judged([*seconds(100), *seconds(100, 30 * US), *seconds(100, -400 * DAY)]))


def test_one_message_ahead_is_refused_and_the_others_go_on() -> None:
    assert judged([*seconds(50), (T0 + DAY, T0 + 50 * US), *seconds(50, since_us=T0 + 50 * US)]) == [True] * 50 + [False] + [True] * 50


def test_a_clock_that_stays_ahead_is_followed_after_it_held() -> None:
    assert judged(seconds(90, DAY)) == [False] * 60 + [True] * 30


def test_a_followed_clock_is_bounded_too_and_forgotten_when_it_returns() -> None:
    run = [*seconds(70, DAY), (T0 + 3 * DAY, T0 + 70 * US), *seconds(5, since_us=T0 + 71 * US), *seconds(5, DAY, T0 + 76 * US)]
    assert judged(run)[60:] == [True] * 10 + [False] + [True] * 5 + [False] * 5


def test_the_same_message_again_and_again_is_never_followed() -> None:
    """A batch that comes again for hours, since the database is away."""
    assert not any(judged([(T0 + DAY, T0 + second * US) for second in range(4000)]))


def test_a_message_ahead_among_those_of_now_is_never_followed() -> None:
    mixed = [pair for now, far in zip(seconds(400), seconds(400, DAY), strict=True) for pair in (now, far)]
    assert judged(mixed) == [True, False] * 400


def test_a_clock_that_creeps_ahead_is_followed_no_faster_than_it_holds() -> None:
    """Each message ten seconds further: no offset ever holds."""
    assert not any(judged([(T0 + 31 * US + second * 11 * US, T0 + second * US) for second in range(400)]))


def test_a_clock_at_the_edge_is_followed_too() -> None:
    """Every other message lies beyond the bound: after the hold all are taken."""
    taken = judged([(T0 + second * US + (31 - second % 2 * 2) * US, T0 + second * US) for second in range(90)])
    assert not all(taken[:60])
    assert all(taken[62:])


@given(st.lists(st.tuples(st.integers(-2 * DAY, 2 * DAY), st.integers(0, US)), max_size=30))
def test_nothing_far_ahead_is_taken_within_the_hold(steps: list[tuple[int, int]]) -> None:
    """Whatever comes within a minute, nothing beyond the bound is taken, and everything within it is."""
    now, messages = T0, []
    for ahead, passed in steps:
        now = min(now + passed, T0 + 59 * US)
        messages.append((now + ahead, now))
    assert judged(messages) == [time - at <= BOUND.ahead_us for time, at in messages]
