"""Who starts a listener is told that the hospital's zone is not set."""

import pytest

from tests.face_models import fetched


@pytest.mark.parametrize("words", [("doctor",), ("config", "check"), ("config", "check", "--offline")])
def test_a_hospital_without_a_time_zone_is_told(wince, words):
    """It is no fault: `wince run` and `wince assess` need none."""
    fetched()
    done = wince(*words)
    assert done.code == 0, done.err
    assert "WINCE_TIME_ZONE" in done.out


def test_nothing_starts_that_would_listen_without_a_time_zone(wince):
    done = wince("up", "--json")
    assert done.code == 4
    assert "time_zone" in done.err
    assert "WINCE_TIME_ZONE" in done.err
