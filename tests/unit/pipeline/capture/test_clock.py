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


def test_it_is_the_wall_s_and_follows_it_forward() -> None:
    assert all(wall == given for wall, given in run([(US, 0), (US, 0), (US, 3600 * US), (US, 0)]))


def test_set_back_by_an_hour_it_goes_on_a_little_slower_until_they_agree() -> None:
    found = run([(US, 0), (US, -3600 * US), *[(US, 0)] * 36_100])
    given = [at for _, at in found]
    assert {after - before for before, after in itertools.pairwise(given[1:100])} == {US * 9 // 10}
    assert found[-1][0] == found[-1][1]


@given(st.lists(st.tuples(st.integers(1, 10 * US), st.integers(-US * 9999, US * 9999)), max_size=50))
def test_it_rises(steps: list[tuple[int, int]]) -> None:
    given = [at for _, at in run(steps)]
    assert all(after >= before for before, after in itertools.pairwise(given))
    assert all(at >= wall for wall, at in run(steps))
