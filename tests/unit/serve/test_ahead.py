"""How far ahead a camera's time may lie: of now for live cameras, of the run's begin where clips are played."""

import pytest

from wince.domain.frame import US
from wince.runners.ahead import AheadError
from wince.serve.ahead import ahead, latest_event
from wince.settings import Settings

NOW = 1_790_000_000 * US
DAY = 86_400 * US


def test_live_cameras_are_held_against_now() -> None:
    bound = ahead(Settings(clock_ahead_s=10), clock=lambda: NOW)
    bound.check("cam", NOW - 400 * DAY)
    bound.check("cam", NOW + 10 * US)
    with pytest.raises(AheadError, match="lies 11 s ahead of now"):
        bound.check("cam", NOW + 11 * US)


@pytest.mark.parametrize("origin_us", [NOW - 300 * DAY, NOW - DAY // 2, NOW + 300 * DAY])
def test_clips_are_held_against_the_begin_of_the_run(origin_us: int) -> None:
    """A run in the past, now or in the future, as fast as it is played: free up to a day after its begin, and never behind now."""
    bound = ahead(Settings(), origin_us, clock=lambda: NOW)
    bound.check("cam", origin_us)
    bound.check("cam", max(NOW, origin_us + DAY))
    with pytest.raises(AheadError):
        bound.check("cam", max(NOW, origin_us + DAY) + 31 * US)


def test_the_hold_is_the_one_that_is_set() -> None:
    now = NOW
    bound = ahead(Settings(clock_hold_s=10), clock=lambda: now)
    refused = 0
    for fifth in range(60):
        now = NOW + fifth * US // 5
        try:
            bound.check("cam", now + DAY)
        except AheadError:
            refused += 1
    assert refused == 50


def test_events_of_the_hospital_are_held_against_the_same_moment() -> None:
    settings = Settings(event_ahead_min=5)
    assert latest_event(settings, clock=lambda: NOW)() == NOW + 300 * US
    assert latest_event(settings, NOW + 300 * DAY, clock=lambda: NOW)() == NOW + 301 * DAY + 300 * US
