"""Waits double, stay below their bound, and spread where many wait."""

import random

from hypothesis import given
from hypothesis import strategies as st

from wince.backoff import Backoff


@given(failures=st.integers(0, 10**9), jitter=st.floats(0, 1), seed=st.integers())
def test_a_wait_lies_between_its_shortest_and_the_longest(failures, jitter, seed):
    backoff = Backoff(0.1, 30.0, jitter)
    wait_s = backoff.wait_s(failures, random.Random(seed))
    whole = Backoff(0.1, 30.0).wait_s(failures)
    assert whole * (1 - jitter) <= wait_s <= whole <= 30.0
    assert Backoff(0.1, 30.0).wait_s(failures + 1) in (30.0, 2 * whole, whole)


def test_two_that_fail_at_once_don_t_try_again_at_once():
    backoff = Backoff(1.0, 30.0, jitter=1.0)
    waits = {backoff.wait_s(3, random.Random(seed)) for seed in range(100)}
    assert len(waits) == 100
    assert max(waits) - min(waits) > 3.5
    assert backoff.wait_s(3, random.Random(7)) == backoff.wait_s(3, random.Random(7))
