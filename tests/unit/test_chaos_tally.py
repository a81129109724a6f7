"""The tally of chaos sees what it is there to see."""

from collections import Counter

import pytest

from tests.e2e.chaos_tally import Result, compare

CALM = {
    "clips": [0, 1],
    "windows": {(0, 0): (1, None), (0, 5): (2, None), (1, 0): (0, None)},
    "alerts": Counter({0: 1}),
    "held": [1, 1],
    "missing": 0,
    "extra": 0,
}


def counted(**changed: object) -> tuple[int, int, int, int]:
    result = Result()
    compare(CALM, CALM | changed, result)
    return result.lost, result.doubled, result.gaps, result.other


@pytest.mark.parametrize(
    ("changed", "lost", "doubled", "gaps", "other"),
    [
        ({}, 0, 0, 0, 0),
        ({"missing": 2}, 2, 0, 0, 0),
        ({"extra": 1}, 0, 1, 0, 0),
        ({"held": [0, 1]}, 1, 0, 0, 0),
        ({"held": [1, 3]}, 0, 2, 0, 0),
        ({"alerts": Counter()}, 1, 0, 0, 0),
        ({"alerts": Counter({0: 1, 1: 1})}, 0, 1, 0, 0),
        ({"windows": CALM["windows"] | {(0, 5): (None, "gap")}}, 0, 0, 1, 0),
        ({"windows": CALM["windows"] | {(0, 5): (1, None)}}, 0, 0, 0, 1),
        ({"clips": [1], "windows": {(1, 0): (0, None)}, "alerts": Counter()}, 0, 0, 0, 0),
    ],
)
def test_what_is_lost_doubled_or_different(changed, lost, doubled, gaps, other):
    assert counted(**changed) == (lost, doubled, gaps, other)


def test_the_last_line():
    """As the issue has it; good only where it can be proved."""
    assert Result(rounds=3, verified=True).line() == "chaos: 3 rounds, lost 0, doubled 0, audit chain verified"
    assert Result(rounds=3, verified=True).good
    assert not Result(rounds=3).good
    assert not Result(lost=1, verified=True).good
