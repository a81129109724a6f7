"""The clock of live cameras rises whatever is done to the wall's."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from wince.domain.frame import US
from wince.pipeline.capture.clock import SteadyWall

T0 = 1_790_000_000 * US


def run(steps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(wall, given) after each step of (passed, set by)."""
    wall, steady = T0, 0
    clock = SteadyWall(lambda: wall, lambda: steady)
    found = []
    for passed, leap in steps:
        steady += passed
        wall += passed + leap
        found.append((wall, clock()))
    return found


def test_it_is_the_wall_s_and_follows_it_forward_by_little() -> None:
    assert all(wall == given for wall, given in run([(US, 0), (US, 0), (US, 2 * US), (US, 0)]))


def test_a_leap_ahead_is_followed_when_it_lasted_a_minute() -> None:
    """The host's clock was an hour behind and is set right."""
    found = run([(US, 0), (US, 3600 * US), *[(US, 0)] * 70])
    assert [wall - given for wall, given in found] == [0, *[3600 * US] * 60, *[0] * 11]


def test_a_leap_ahead_that_is_taken_back_moves_nothing() -> None:
    """A day ahead for a moment, and again half a minute later: time goes on by the second."""
    found = run([(US, 0), (US, 86_400 * US), *[(US, 0)] * 5, (US, -86_400 * US), *[(US, 0)] * 30, (US, 86_400 * US), *[(US, 0)] * 40])
    given = [at for _, at in found]
    assert {after - before for before, after in itertools.pairwise(given)} == {US}


def test_a_clock_that_leaps_about_is_not_followed_until_it_settles() -> None:
    found = run([*[(10 * US, 100 * US)] * 20, *[(10 * US, 0)] * 8])
    assert [given - T0 for _, given in found][:20] == [10 * US * step for step in range(1, 21)]
    assert found[-1][0] == found[-1][1]


def test_set_back_by_an_hour_it_goes_on_a_little_slower_until_they_agree() -> None:
    found = run([(US, 0), (US, -3600 * US), *[(US, 0)] * 36_100])
    given = [at for _, at in found]
    assert {after - before for before, after in itertools.pairwise(given[1:100])} == {US * 9 // 10}
    assert found[-1][0] == found[-1][1]


@given(st.lists(st.tuples(st.integers(1, 10 * US), st.integers(-US * 9999, US * 9999)), max_size=50))
def test_it_rises(steps: list[tuple[int, int]]) -> None:
    given = [at for _, at in run(steps)]
    assert all(after >= before for before, after in itertools.pairwise(given))
    assert all(
        after - before >= passed * 9 // 10 for (before, after), (passed, _) in zip(itertools.pairwise(given), steps[1:], strict=True)
    )
