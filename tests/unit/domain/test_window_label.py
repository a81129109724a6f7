"""A window that an alert lies in is never shown as its longest grade alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.assess.report import synthetic
from wince.domain.reason import Reason
from wince.domain.window_label import window_label

(ALERT,) = synthetic.clip().alerts
"""High, from 7.2 to 11.4 s."""


@pytest.mark.parametrize(
    ("start", "grade", "label"),
    [(0, 0, "quiet"), (5, 0, "alert high (longest quiet)"), (5, 2, "alert high"), (10, 0, "alert high (longest quiet)"), (15, 0, "quiet")],
)
def test_every_window_that_the_alert_touches_says_so(start: int, grade: int, label: str) -> None:
    assert window_label(synthetic.window(start, grade), [ALERT]) == label


def test_one_without_a_grade_says_both() -> None:
    dark = synthetic.window(5, None, Reason.DARK)
    assert window_label(dark, []) == "unassessable"
    assert window_label(dark, [ALERT]) == "alert high (else unassessable)"


def test_an_alert_of_another_protocol_is_not_this_ones() -> None:
    assert window_label(synthetic.window(5, 0), [replace(ALERT, protocol="icu")]) == "quiet"
