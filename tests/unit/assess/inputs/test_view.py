"""What may be said of how an input is looked at, and what it does to a protocol."""

from __future__ import annotations

from typing import Any

import pytest

from wince.assess.inputs.view import WHOLE, at_rate, view
from wince.errors import ConfigError
from wince.protocols import loader
from wince.protocols.check import check


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ({"region": "0,0,1"}, "--region"),
        ({"region": "0,0,1,x"}, "--region"),
        ({"region": "0.5,0,0.5,1"}, "--region"),
        ({"region": "0,0,640,480"}, "--region"),
        ({"region": (0, 0, 1, float("nan"))}, "--region"),
        ({"rotation": 45}, "--rotation"),
        ({"rotation": -90}, "--rotation"),
        ({"rate_hz": 0}, "--rate"),
        ({"rate_hz": 30.5}, "--rate"),
        ({"rate_hz": float("nan")}, "--rate"),
        ({"face": 0}, "--face"),
        ({"face": 1, "region": "0,0,1,1"}, "--face"),
    ],
)
def test_what_cannot_be_is_named_with_its_option(said: dict[str, Any], option: str) -> None:
    with pytest.raises(ConfigError) as caught:
        view(**said)
    assert caught.value.field == option
    assert caught.value.remedy


def test_every_option_is_part_of_what_a_result_is_kept_under() -> None:
    keys = {one.key for one in (WHOLE, view("0,0,0.5,1"), view(rotation=90), view(rate_hz=2), view(face=1), view(face=2))}
    assert len(keys) == 6
    assert view(region=(0, 0, 0.5, 1)) == view(region="0, 0, .5, 1")


def test_at_another_rate_the_protocol_waits_as_long_as_before() -> None:
    """0.6 s of equal grades at 5 Hz are 3 frames, at 25 Hz 15, at 2 Hz 1; the rule is another one, and is allowed."""
    activity = loader.load("activity")
    for rate, frames in ((25.0, 15), (10.0, 6), (2.0, 1), (0.2, 1)):
        changed = at_rate(activity, rate)
        assert (changed.detect.rate_hz, changed.grade.debounce_frames) == (rate, frames)
        assert changed.rule != activity.rule
        check(changed)
    assert at_rate(activity, None) is activity
    assert at_rate(activity, 5.0) is activity


def test_a_rate_that_a_protocol_cannot_have_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"activity can't be kept at 0\.1 Hz") as caught:
        at_rate(loader.load("activity"), 0.1)
    assert "at least 0.2" in caught.value.remedy
    with pytest.raises(ConfigError, match="icu sees clips at 5 Hz"):
        at_rate(loader.load("icu"), 10)
