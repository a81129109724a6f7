"""What grade heeds of people."""

from wince.domain.care import Pause
from wince.domain.ids import site_namespace
from wince.domain.reason import Reason
from wince.pipeline.grade import stage
from wince.pipeline.grade.people import blocked
from wince.protocols.loader import load


def test_a_pause_that_ends_before_its_time_holds_until_then():
    begun = stage.begin("cam", stage.Setup(load("activity"), site_namespace("test")))
    state, _ = stage.step(begun, [Pause("cam", 100, 900), Pause("cam", 500, 600)])
    assert blocked(state, 700, 800) is Reason.PAUSED
    state, _ = stage.step(state, [Pause("cam", 100, 300)])
    assert [blocked(state, at, at + 50) for at in (150, 300, 550, 700)] == [Reason.PAUSED, None, Reason.PAUSED, None]
    state, _ = stage.step(state, [Pause("cam", 100, 100), Pause("cam", 500, 600)])
    assert [blocked(state, at, at + 50) for at in (150, 550)] == [None, Reason.PAUSED]
