"""What leads wherever a result is shown: alerts, the highest grade that held, the longest grade with its own confidence."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

import pytest

from tests.unit.assess.report import synthetic
from wince.assess.batch import Batch
from wince.assess.inputs import Inputs
from wince.assess.reading import of_clip
from wince.assess.result import FrameRow, Held, headline, plain
from wince.assess.result.speak import sentence
from wince.cli.assess_show import rows
from wince.domain.assessment import Alert
from wince.domain.reason import Reason

US = 1_000_000
PROTOCOL = synthetic.PROTOCOL


def row(number: int, score: float, confidence: float) -> FrameRow:
    return FrameRow(number / 5, True, None, score, PROTOCOL.scale.grade(score), confidence, synthetic.NOTHING, 0.0, 0.0, 0.0)


def test_the_order_of_a_clip_is_alerts_highest_longest() -> None:
    first = synthetic.clip().headline
    assert [one.grade_name for one in first.alerts] == ["high"]
    assert (first.highest, first.longest) == (Held(2, "high", 4.4), Held(0, "quiet", 14.6))
    assert headline.parts(first) == [
        "alert high at 7.2 s",
        "highest: high 4.4 s",
        "longest (PEEA): quiet 14.6 s, confidence 0.81",
        "assessable 80%",
        "dark x25, turned x5",
    ]


def test_the_confidence_is_that_of_the_frames_of_the_longest_grade() -> None:
    """Sure while quiet, unsure while high: the median over all frames would stand beside a grade that it doesn't belong to."""
    frames = [row(n, 0.5, 0.9) for n in range(15)] + [row(n, 12.0, 0.6) for n in range(15, 25)]
    reading = of_clip(frames, [synthetic.window(0, 0)], PROTOCOL)
    assert (reading.grade_name, reading.highest_name) == ("quiet", "high")
    assert reading.confidence == pytest.approx(0.9)
    longer = of_clip([row(n, 0.5, 0.9) for n in range(10)] + [row(n, 12.0, 0.6) for n in range(10, 25)], [synthetic.window(0, 0)], PROTOCOL)
    assert (longer.grade_name, longer.confidence) == ("high", pytest.approx(0.6))


def test_a_single_frame_is_not_the_highest_grade_that_held() -> None:
    """The protocol's debounce decides."""
    frames = [row(n, 12.0 if n == 12 else 0.5, 0.9) for n in range(25)]
    assert of_clip(frames, [synthetic.window(0, 0)], PROTOCOL).highest_name == "quiet"


def test_an_alert_in_a_window_without_a_grade_still_leads() -> None:
    result = synthetic.unassessable()
    alert = Alert(uuid5(NAMESPACE_URL, "a"), result.assessments[0].id, "s", "activity", 1 * US, 3 * US, 2, "high", 9.0)
    found = replace(result, alerts=(alert,)).headline
    assert (found.highest, found.longest, found.confidence) == (Held(2, "high", 2.0), None, None)
    assert headline.parts(found)[:3] == ["alert high at 1.0 s", "highest: high 2.0 s", "not assessable"]


def test_table_line_and_speech_have_one_order() -> None:
    """Alerts before the highest grade, that before the longest."""
    results = (synthetic.clip("a.mp4"), synthetic.unassessable("b.mp4"))
    table = next(iter(rows(Batch(results, 0), Inputs((), ()), PROTOCOL)))
    assert not isinstance(table, str)
    assert [column.header for column in table.columns] == ["input", "alerts", "highest", "longest (PEEA)", "assessable", "why not"]
    assert [str(next(iter(column.cells))) for column in table.columns][1:4] == ["1 from 7.2 s", "high 4.4 s", "quiet 14.6 s"]
    line = next(iter(rows(Batch(results[:1], 0), Inputs((), ()), PROTOCOL)))
    for said in (str(line), sentence(results[:1], PROTOCOL), sentence(results, PROTOCOL)):
        at = [said.lower().index(word) for word in ("alert", "highest", "longest")]
        assert at == sorted(at)


def test_json_leads_with_the_headline_and_says_windows_with_their_alert() -> None:
    """A window that an alert lies in is not merely its longest grade."""
    quiet = synthetic.clip(assessments=(synthetic.window(0, 0), synthetic.window(5, 0), synthetic.window(10, None, Reason.DARK)))
    shown = json.loads(plain.document([quiet], (), PROTOCOL))["clips"][0]
    assert shown["headline"] == {
        "alerts_s": [7.2],
        "highest": {"grade": 2, "name": "high", "seconds": 4.4},
        "longest": {"grade": 0, "name": "quiet", "seconds": 14.6},
        "confidence": 0.81,
    }
    assert [one["label"] for one in shown["windows"]] == ["quiet", "alert high (longest quiet)", "alert high (else unassessable)"]


def test_a_picture_has_neither_alerts_nor_a_time() -> None:
    assert headline.parts(synthetic.still().headline)[0] == "high in one picture, confidence 0.81"
