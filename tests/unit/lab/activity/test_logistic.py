"""The fit finds what tells, counts rows by their weight, and ends where a column tells everything."""

import numpy as np
import pytest

from wince.lab.activity.logistic import logistic


def test_the_fit_finds_what_tells() -> None:
    rng = np.random.default_rng(6)
    z = np.c_[rng.normal(0, 1, (3000, 2)), np.ones(3000)]
    y = rng.random(3000) < 1 / (1 + np.exp(-2 * z[:, 0]))
    assert logistic(z, y, np.ones(3000), np.full(3, 1e-3)) == pytest.approx([2, 0, 0], abs=0.2)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    rng = np.random.default_rng(7)
    z, y = np.c_[rng.normal(0, 1, 50), np.ones(50)], rng.random(50) < 0.4
    twice = logistic(np.r_[z, z[:10]], np.r_[y, y[:10]], np.ones(60), np.full(2, 0.1))
    assert logistic(z, y, 1.0 + (np.arange(50) < 10), np.full(2, 0.1)) == pytest.approx(twice)


def test_the_ridge_ends_what_has_no_end() -> None:
    """A column that tells everything would have an endless weight."""
    z, y = np.c_[np.array([-1.0, -1, 1, 1]), np.ones(4)], np.array([0.0, 0, 1, 1])
    few, many = (logistic(z, y, np.ones(4), np.array([ridge, 1e-9]))[0] for ridge in (1.0, 0.01))
    assert 0 < few < many < 10
