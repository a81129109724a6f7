"""The corpus' recipe: what it promises before anything is drawn."""

import itertools
from collections import Counter

import numpy as np
import pytest

from wince.lab.corpus.expressions import DRAW, truth
from wince.lab.corpus.plan import plan
from wince.lab.corpus.recipe import CALM, CONDITIONS, DISTRACTORS, KINDS, NO_PAIN, STILLS, TEST, TRAIN, VALIDATION


def test_no_person_is_in_two_parts():
    for a, b in itertools.combinations((TRAIN, VALIDATION, TEST), 2):
        assert not set(a) & set(b)
    assert min(*TRAIN, *VALIDATION, *TEST) > 1000


def test_the_test_is_half_plain_has_every_distractor_and_at_most_a_quarter_mixtures():
    stills = [still for seed in TEST for still in plan(seed)[1][CALM:]]
    kinds, conditions = Counter(still.kind for still in stills), Counter(still.condition for still in stills)
    assert len(stills) == len(TEST) * (STILLS - CALM)
    assert 0.45 < conditions["plain"] / len(stills) < 0.55
    assert kinds["mixture"] / len(stills) <= 0.25
    assert set(DISTRACTORS) <= set(kinds)
    assert set(kinds) == set(KINDS)
    assert set(conditions) == set(CONDITIONS)


def test_the_same_seed_gives_the_same_plan_and_another_gives_another():
    def told(seed: int) -> list[object]:
        people, stills = plan(seed)
        return [people, *((s.kind, s.condition, s.weights, s.pose, s.scene, s.camera, s.cover) for s in stills)]

    assert told(40007) == told(40007)
    assert told(40007) != told(40008)


@pytest.mark.parametrize("kind", sorted(DRAW))
def test_truth_stays_in_its_ranges_and_pain_alone_is_gated_open(kind: str):
    rng = np.random.default_rng(3)
    for _ in range(200):
        row = truth(kind, DRAW[kind](rng))
        assert all(0 <= row[unit] <= 5 + 1e-9 for unit in row if unit.startswith("au"))
        assert 0 <= row["au43"] <= 1
        assert 0 <= row["pspi"] <= 16
        assert row["gated"] == (0 if kind in NO_PAIN else row["pspi"])


def test_pain_reaches_every_level_and_its_units_vary_independently():
    rng = np.random.default_rng(4)
    rows = [truth("pain", DRAW["pain"](rng)) for _ in range(3000)]
    levels = np.histogram([row["pspi"] for row in rows], bins=8, range=(0, 16))[0]
    assert levels.min() > 100
    brow, nose = (np.array([max(row[u] for u in units) for row in rows]) for units in (("au4",), ("au9", "au10")))
    open_middle = np.array([abs(row["pspi"] - 7) < 1 for row in rows])
    assert np.corrcoef(brow[open_middle], nose[open_middle])[0, 1] < 0.2
