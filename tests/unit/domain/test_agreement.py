"""Figures of agreement against published and hand-counted answers."""

import numpy as np
import pytest

from wince.domain.agreement import auc, icc_a1, interval, risk_coverage, roc

JUDGES = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Six targets by four judges: Shrout and Fleiss 1979, table 2."""


def test_icc_of_shrout_and_fleiss():
    """ICC(2,1) is .29 (their table 4); the judges are consistent (ICC(3,1) .71), but far apart: agreement is absolute."""
    assert icc_a1(*JUDGES.T) == pytest.approx(0.2898, abs=5e-5)
    assert icc_a1(*(JUDGES - JUDGES.mean(axis=0)).T) > 0.7
    assert icc_a1(JUDGES[:, 0], JUDGES[:, 0] + 1e-9) == pytest.approx(1)


def test_icc_of_two_raters_from_the_mean_squares():
    a, b = JUDGES[:, 0], JUDGES[:, 1]
    msr, msc, mse = 2 * np.var((a + b) / 2, ddof=1), 3 * (a.mean() - b.mean()) ** 2, np.var(a - b, ddof=1) / 2
    assert icc_a1(a, b) == pytest.approx((msr - mse) / (msr + mse + 2 * (msc - mse) / 6))


def test_what_can_not_be_computed_is_no_number():
    assert np.isnan(icc_a1(np.ones(2), np.ones(2)))
    assert np.isnan(icc_a1(np.ones(5), np.ones(5)))
    assert np.isnan(auc(np.ones(3), np.ones(0)))
    assert np.isnan(roc(np.ones(3), np.ones(0))[0]).all()
    assert np.isnan(interval(lambda rows: float("nan"), np.arange(4), 5)).all()
    assert [len(part) for part in risk_coverage(np.ones(0), np.ones(0))] == [0, 0]


def test_auc_counts_pairs_and_halves_ties():
    rng = np.random.default_rng(2)
    p, n = rng.integers(0, 6, 40), rng.integers(0, 5, 30)
    pairs = [(x > y) + 0.5 * (x == y) for x in p for y in n]
    assert auc(p, n) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("ties", [False, True])
def test_a_roc_runs_from_corner_to_corner_and_its_area_is_the_auc(ties: bool):
    rng = np.random.default_rng(9)
    positive, negative = rng.normal(1, 1, 200), rng.normal(0, 1, 150)
    if ties:
        positive, negative = positive.round(), negative.round()
    across, up = roc(positive, negative)
    assert (across[0], up[0], across[-1], up[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(up, across) == pytest.approx(auc(positive, negative))
    cuts = np.unique(np.concatenate([positive, negative]))[::-1]
    assert up[1:].tolist() == [(positive >= cut).mean() for cut in cuts]


def test_risk_falls_with_what_is_left_out_where_doubt_tells():
    error, doubt = np.array([3.0, 0.0, 1.0, 0.0]), np.array([0.9, 0.1, 0.5, 0.2])
    kept, risk = risk_coverage(error, doubt)
    assert kept.tolist() == [0.25, 0.5, 0.75, 1]
    assert risk == pytest.approx([0, 0, 1 / 3, 1])


def test_the_interval_is_wider_when_persons_differ_than_when_stills_do():
    rng = np.random.default_rng(3)
    person = np.repeat(np.arange(20), 30)
    clustered, free = rng.normal(0, 1, 20)[person], rng.normal(0, 1, 600)
    spans = [np.diff(interval(lambda rows, v=v: float(v[rows].mean()), person))[0] for v in (clustered, free)]
    assert spans[0] > 3 * spans[1]
