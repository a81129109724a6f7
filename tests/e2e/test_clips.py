"""Every clip whose truth is known, each as the camera of a bed of its own, in one `wince run`: what is alerted, charted, refused."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.conftest import reachable
from tests.e2e.wince_run import Ran, run
from tests.shared_data import shared
from tests.support.pipeline import truth

WINDOW_S = 5.0
LEFT_HALF = [0.0, 0.0, 0.5, 1.0]
PAINS = ("p1_pain", "p2_pain", "p3_pain", "p1_mixed", "p2_mixed", "p3_mixed", "leaves_and_returns", "two_faces")
QUIET = ("p1_negative", "p2_negative", "p3_negative")
REASONS = {"dark": "dark", "oxygen_mask": "covered", "rotated": "turned", "leaves_and_returns": "none"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def ran():
    """One run over all of them; cameras, beds and the one region come from a configuration file."""
    names = sorted({*PAINS, *QUIET, *REASONS})
    with reachable() as directory:
        config = directory / "wince.toml"
        config.write_text("".join(
            f'[[cameras]]\nid = "{name}"\nbed = "ICU^{number}^A"\npath = "{shared(f"clips/{name}.mp4")}"\n'
            + (f"region = {LEFT_HALF}\n" if name == "two_faces" else "")
            for number, name in enumerate(names)
        ))  # fmt: skip
        done = run(directory / "state", WINCE_CONFIG=str(config))
    assert done.returncode == 0, done.stderr
    return done


def events(ran: Ran, kind: str) -> dict[str, list[dict]]:
    """Events of a kind, by clip."""
    found = defaultdict(list)
    for event in ran.events:
        if event["event"] == kind:
            found[event["source"]].append(event)
    return found


@pytest.mark.parametrize("name", PAINS)
def test_every_pain_is_alerted_and_charted(ran, name):
    """Every episode overlaps an alert, every alert an episode, and the record holds an alert of that bed."""
    episodes, alerts = truth(shared(f"clips/{name}.mp4")).episodes(), events(ran, "alert")[name]
    assert episodes
    assert [one for one in episodes if not any(alert["start_s"] < one[1] and alert["end_s"] > one[0] for alert in alerts)] == []
    assert [alert for alert in alerts if not any(alert["start_s"] < one[1] and alert["end_s"] > one[0] for one in episodes)] == []
    assert "alert" in {entry["kind"] for entry in ran.result["entries"] if entry["source"] == name}


@pytest.mark.parametrize("name", QUIET)
def test_no_pain_no_alert(ran, name):
    """Smiles, speech, yawns, surprise, blinks and sleep are alerted to nobody and asked of nobody."""
    (bed,) = [bed for bed in ran.result["beds"] if bed["source"] == name]
    assert bed["alerts"] == 0
    assert bed["questions"] == {}
    assert set(bed["grades"]) == {"quiet"}


@pytest.mark.parametrize(("name", "reason"), sorted(REASONS.items()))
def test_what_cannot_be_seen_says_why(ran, name, reason):
    """The windows that lie in the dark, under the mask, sideways, or without a face have the right reason and no other."""
    (bed,) = [bed for bed in ran.result["beds"] if bed["source"] == name]
    assert set(bed["reasons"]) == {reason}
    blind = [window["start_s"] for window in events(ran, "window")[name] if window["reason"]]
    assert [alert for alert in events(ran, "alert")[name] if any(at <= alert["start_s"] < at + WINDOW_S for at in blind)] == []


def test_what_was_charted_stands_in_the_ehr_once(ran):
    """All beds at once: nothing waits, nothing is doubled, the chain covers all of it."""
    assert ran.result["undelivered"] == 0
    assert ran.result["observations"] == len(ran.result["entries"]) == ran.result["in_ehr"]
    assert ran.result["audit"]["tail"] == 0, "what the last checkpoint does not cover"
