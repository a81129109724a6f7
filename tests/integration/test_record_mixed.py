"""Everything that may happen to a record, in any order: what stands in the end is what was said last, once, of the right person.

A seed is a sequence. WINCE_MIXED: so many of them (12; 200 in `make long`); WINCE_MIXED_FIRST: the first (0; 1000).
"""

import os
import random

import pytest

from tests.integration.mixed_truth import VALID, check, deliver
from tests.integration.mixed_world import PROTOCOLS, Mixed
from tests.integration.review_world import MIN, NOW
from wince.pipeline.record.reviewer import Reviewed, Reviewer
from wince.store.database import Database


def seeds(first: int, count: int) -> range:
    """Those of the suite, or of its long part."""
    first = int(os.environ.get("WINCE_MIXED_FIRST") or first)
    return range(first, first + int(os.environ.get("WINCE_MIXED") or count))


def _run(database: Database, seed: int) -> None:
    rng = random.Random(seed)
    cameras = ["cam-1", "cam-2"][: rng.choice([1, 1, 2])]
    mixed = Mixed(database, cameras, rng)
    most = rng.choice([3, 7, 4000])
    reviewer = Reviewer(database, PROTOCOLS, [mixed.target], lambda: NOW, score_valid_us=VALID * MIN, most=most)

    def review() -> list[object]:
        found: Reviewed = reviewer.review()
        return [*found.entries, *found.tasks]

    def settle() -> None:
        review()
        mixed.look()
        review()
        check(database, mixed.hospital.truth, mixed.sent, cameras, review)

    mixed.begin()
    for _ in range(rng.randint(8, 30)):
        rng.choice(mixed.steps)()
        if rng.random() < 0.5:
            settle()
    mixed.hospital.all_on()
    settle()
    deliver(database, mixed.target, cameras)


@pytest.mark.parametrize("seed", seeds(0, 12))
def test_what_stands_is_what_was_said_last(database: Database, seed: int) -> None:
    _run(database, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", seeds(1000, 200))
def test_what_stands_is_what_was_said_last_often(database: Database, seed: int) -> None:
    _run(database, seed)
