"""Scales, fusion, threshold, debounce, windows, content hashes."""

from __future__ import annotations

import doctest
import math
from dataclasses import replace
from types import ModuleType
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain import binding, charting, debounce, fusion, ids, scales, threshold, window
from wince.domain.assessment import Assessment
from wince.domain.debounce import Debounce
from wince.domain.fusion import fuse_probabilities, label
from wince.domain.reason import Reason
from wince.domain.scales import ICU, PAIN, VAS, pspi
from wince.domain.window import Held, Run, Sample, follow, summarise, window_start
from wince.errors import InputError

intensity = st.one_of(st.just(math.nan), st.floats(0, 5))
closed = st.one_of(st.just(math.nan), st.floats(0, 1))


@pytest.mark.parametrize("module", [binding, charting, debounce, fusion, ids, scales, threshold, window])
def test_examples_run(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


@given(st.tuples(intensity, intensity, intensity, intensity, intensity, closed))
def test_pspi_is_honest_about_what_was_not_measured(units: tuple[float, ...]) -> None:
    """A number exactly where every term has a measured unit, never above what full measurement could give, complete only with all."""
    result = pspi(units)
    au4, au6, au7, au9, au10, au43 = (not math.isnan(unit) for unit in units)
    assert math.isnan(result.score) == (not (au4 and (au6 or au7) and (au9 or au10) and au43))
    assert result.complete == all((au4, au6, au7, au9, au10, au43))
    if not math.isnan(result.score):
        assert 0 <= result.score <= 16
        full = pspi([5.0 if math.isnan(unit) else unit for unit in units])
        assert result.score <= full.score


def test_pspi_by_hand_and_bad_input() -> None:
    assert pspi((5, 5, 5, 5, 5, 1)).score == 16
    assert pspi((1, 2, 3, 4, 0.5, 0)).score == 8
    for units in ((6, 0, 0, 0, 0, 0), (0, 0, 0, 0, 0, 2), (-1, 0, 0, 0, 0, 0), (0, 0, 0)):
        with pytest.raises(InputError):
            pspi(units)


@given(st.floats(-5, 20), st.floats(-5, 20))
def test_grades_are_monotone(a: float, b: float) -> None:
    for scale in (VAS, ICU, PAIN):
        assert (scale.grade(a) <= scale.grade(b)) or a > b


def test_published_grades() -> None:
    """PEEA: mild 1-3, obvious 4-6, severe 7-8, intense 9-10."""
    names = [VAS.name_of(VAS.grade(score)) for score in range(11)]
    assert names == ["none", "mild", "mild", "mild", "obvious", "obvious", "obvious", "severe", "severe", "intense", "intense"]
    assert [ICU.name_of(ICU.grade(score)) for score in range(3)] == ["relaxed", "tense", "grimace"]
    assert (PAIN.name_of(PAIN.grade(0.49)), PAIN.name_of(None)) == ("no pain", "")
    with pytest.raises(InputError):
        VAS.grade(math.nan)


rows = st.integers(2, 4).flatmap(lambda k: st.lists(st.lists(st.floats(0.01, 1), min_size=k, max_size=k), min_size=1, max_size=5))


@given(rows, st.sampled_from(fusion.METHODS), st.randoms())
def test_fusion_is_a_distribution_whatever_the_order(raw: list[list[float]], method: str, rng: object) -> None:
    """Sums to 1; the order of members doesn't matter; agreement stays; a missing member leaves nothing."""
    members = [np.array(row) / sum(row) for row in raw]
    weights = [float(1 + position) for position in range(len(members))] if method == "weighted" else []
    fused = fuse_probabilities(members, method, weights)
    assert fused is not None
    assert fused.sum() == pytest.approx(1)
    turned = fuse_probabilities(members[::-1], method, weights[::-1])
    assert turned == pytest.approx(fused)
    same = fuse_probabilities([members[0]] * len(members), method, weights)
    assert same is not None
    assert label(same) == label(members[0]) or method != "majority"
    assert fuse_probabilities([*members, None], method, [*weights, 1.0] if weights else []) is None


def test_members_that_can_t_be_fused_are_named() -> None:
    for members, method, weights in (
        ([], "mean", ()),
        ([(1, 1)], "mean", ()),
        ([(0.5, 0.5)], "vote", ()),
        ([(0.5, 0.5)], "weighted", (0,)),
        ([(1.0,), (0.5, 0.5)], "mean", ()),
    ):
        with pytest.raises(InputError):
            fuse_probabilities(members, method, weights)  # type: ignore[arg-type]


labels = st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=40)


@given(labels, st.integers(1, 5))
def test_debounce_is_what_it_says(seen: list[int | None], frames: int) -> None:
    """What holds: the last label that came `frames` times in a row since the last unassessable frame."""
    state = Debounce()
    for position, one in enumerate(seen):
        state = debounce.debounce(state, one, frames)
        run = seen[: position + 1]
        start = max((index for index, value in enumerate(run) if value is None), default=-1) + 1
        run = run[start:]
        wanted = None
        for index in range(frames - 1, len(run)):
            if len(set(run[index - frames + 1 : index + 1])) == 1:
                wanted = run[index]
        assert state.held == wanted


@given(st.integers(-(10**16), 10**16), st.sampled_from([1_000_000, 5_000_000, 60_000_000]))
def test_the_grid(at: int, length: int) -> None:
    start = window_start(at, length)
    assert start % length == 0
    assert start <= at < start + length


frames = st.lists(st.one_of(st.just(Reason.DARK), st.just(Reason.CONFLICT), st.floats(0, 10)), max_size=40)


@given(frames, st.integers(1, 4), st.integers(1, 40))
def test_summary_is_what_it_says(seen: list[Reason | float], count: int, expected: int) -> None:
    """Grade, median, peak, share and reason against their definitions, spelled out."""
    samples = [Sample(n, one) if isinstance(one, Reason) else Sample(n, None, one, 0.9, (one, math.nan), "m") for n, one in enumerate(seen)]
    run, held = Run(), []
    for sample in samples:
        run, one = follow(run, sample, VAS, count)
        held.append(one)
    found = summarise(samples, held, expected=expected, missing={Reason.GAP: max(0, expected - len(seen))}, min_share=0.5)
    scores = [one for one in seen if not isinstance(one, Reason)]
    assert found.share == min(1, len(scores) / expected)
    parts = [seen[end - count : end] for end in range(count, len(seen) + 1)]
    floors = [min(part) for part in parts if not any(isinstance(one, Reason) for one in part)]  # type: ignore[type-var]
    lasting = [one.grade for one in held if one.grade is not None]
    if found.grade is not None:
        assert found.share >= 0.5
        assert found.median == pytest.approx(float(np.median(scores)))
        assert found.peak == max(floors)  # type: ignore[type-var]
        assert all(lasting.count(found.grade) >= lasting.count(other) for other in lasting)
        assert found.units[1] is None
        assert found.reason is None
    else:
        assert found.reason is not None
        assert found.peak is found.median is found.confidence is None
        assert found.share < 0.5 or not lasting


def test_ties_go_to_the_higher_grade_and_models_don_t_mix() -> None:
    samples = [Sample(n, None, 5.0, 0.9, (), "a") for n in range(4)]
    held = [Held(1, 1.0), Held(1, 1.0), Held(2, 1.0), Held(2, 1.0)]
    assert summarise(samples, held, expected=4, missing={}, min_share=0.5).grade == 2
    mixed = [*samples[:3], replace(samples[3], model_set="b")]
    assert summarise(mixed, held, expected=4, missing={}, min_share=0.5).reason is Reason.MODEL_CHANGE


def test_content_hash_sees_every_field() -> None:
    """Any other content under an id gives another hash; the same content the same, whatever the order of reasons."""
    reasons = {Reason.DARK: 1, Reason.NONE: 2}
    base = Assessment(UUID(int=1), "cam", "a", 0, 5, 1, "low", 2.0, 2.5, 1.0, 0.9, None, 25, reasons, (1.0, None), False, "m", "r")
    known = {ids.content_hash(base)}
    other = {
        "source": "b", "protocol": "b", "start_us": 1, "end_us": 6, "grade": None, "grade_name": "x", "median": 2.01, "peak": None,
        "assessable_share": 0.5, "confidence": 0.8, "reason": Reason.DARK, "frames": 24, "reasons": {}, "units": (), "personal": True,
        "model_set": "n", "rule": "s", "shadow": True,
    }  # fmt: skip
    assert set(other) == set(Assessment.__slots__) - {"id", "basis"}
    assert ids.content_hash(replace(base, basis="0123456789abcdef")) == ids.content_hash(base)
    # What was written before a field came keeps its hash: else every window of an earlier version that comes again were an alarm.
    assert ids.content_hash(base).hex() == "ce7d120c40214774c43d0761e896265ae38c01deb04692b6fc2603f5f7276b3a"
    known |= {ids.content_hash(replace(base, **{name: value})) for name, value in other.items()}
    assert len(known) == len(other) + 1
    assert ids.content_hash(replace(base, reasons={Reason.NONE: 2, Reason.DARK: 1})) == ids.content_hash(base)
