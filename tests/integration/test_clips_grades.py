"""The grades are right where the truth is known: drawn clips through detect, estimate and grade with the protocol's defaults.

`python -m tests.integration.test_clips_grades` prints the table of alerts and truth.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared
from tests.support import pipeline
from tests.support.pipeline import overlaps, truth
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.testing import clips

LEFT_HALF = (0.0, 0.0, 0.5, 1.0)
PAINS = ("p1_pain", "p2_pain", "p3_pain", "p1_mixed", "p2_mixed", "p3_mixed", "leaves_and_returns", "bed1")
QUIET = ("p1_negative", "p2_negative", "p3_negative", "bed2", "bed3")


grade_clip = cache(pipeline.grade_clip)
"""Several tests look at the same clip."""


def find(name: str) -> Path:
    return clips.clip(name) if name in clips.NAMES else shared(f"clips/{name}.mp4")


@pytest.mark.parametrize("name", PAINS)
def test_every_pain_episode_overlaps_an_alert_and_no_alert_lies_outside(name: str):
    path = find(name)
    _, alerts, _, _ = grade_clip(path)
    episodes = truth(path).episodes()
    assert episodes
    assert [episode for episode in episodes if not any(overlaps(alert, episode) for alert in alerts)] == []
    assert [alert.start_us / US for alert in alerts if not any(overlaps(alert, episode) for episode in episodes)] == []


@pytest.mark.parametrize("name", QUIET)
def test_smiles_speech_yawns_surprise_blinks_and_sleep_never_alert_or_ask(name: str):
    assessments, alerts, questions, _ = grade_clip(find(name))
    assert (alerts, questions) == ([], [])
    assert {a.grade_name for a in assessments if a.reason is None} == {"quiet"}


@pytest.mark.parametrize(
    ("name", "expression"), [("p1_mixed", "sleep"), ("p3_negative", "sleep"), ("p2_negative", "yawn"), ("p3_mixed", "yawn")]
)
def test_closed_eyes_alone_do_not_alert(name: str, expression: str):
    path = find(name)
    _, alerts, _, _ = grade_clip(path)
    times = [float(row["time"]) for row in truth(path).rows if row["expression"] == expression]
    assert not [alert for alert in alerts if min(times) + 1 < alert.start_us / US < max(times)]


@pytest.mark.parametrize(
    ("name", "reason", "start_s", "end_s"),
    [
        ("dark", Reason.DARK, 4.7, 10.8),
        ("oxygen_mask", Reason.COVERED, 4.3, 15.8),
        ("rotated", Reason.TURNED, 0.0, 12.8),
        ("leaves_and_returns", Reason.NONE, 6.4, 10.0),
        ("bed3", Reason.DARK, 7.2, 18.8),
    ],
)
def test_what_cannot_be_seen_is_unassessable_with_its_reason(name: str, reason: Reason, start_s: float, end_s: float):
    _, alerts, _, faces = grade_clip(find(name))
    inside = [face.reason for face in faces if start_s <= face.time_us / US <= end_s]
    assert len(inside) > 10
    assert set(inside) == {reason}
    assert not [alert for alert in alerts if start_s < alert.start_us / US < end_s]


def test_a_window_in_the_dark_has_no_grade():
    assessments, _, _, _ = grade_clip(find("bed3"))
    assert [(a.grade_name or a.reason) for a in assessments] == ["quiet", Reason.DARK, Reason.DARK, Reason.DARK, "quiet"]


def test_with_two_faces_only_the_patient_is_scored():
    """The bed's region is the left half; the visitor on the right talks and smiles."""
    path = find("two_faces")
    _, alerts, _, faces = grade_clip(path, region=LEFT_HALF)
    table = truth(path)
    scored = [face for face in faces if face.reason is None]
    assert len(scored) > 60
    for face in scored:
        row = table.at(face.time_us)
        nose = np.array([float(row["nose_x"]), float(row["nose_y"])])
        assert np.linalg.norm(face.landmarks[1, :2] - nose) < 25
    assert [any(overlaps(alert, episode) for alert in alerts) for episode in table.episodes()] == [True]
    assert len(alerts) == 1


def test_with_two_faces_and_no_region_nobody_is_scored_silently():
    """Without a region both could be the patient: SEVERAL, and whoever remains is not believed at once."""
    path = find("two_faces")
    _, alerts, _, faces = grade_clip(path)
    table = truth(path)
    for face in faces:
        if face.reason is None:
            row = table.at(face.time_us)
            assert np.linalg.norm(face.landmarks[1, :2] - (float(row["nose_x"]), float(row["nose_y"]))) < 25
    assert {Reason.SEVERAL} <= {face.reason for face in faces}
    assert all(any(overlaps(alert, episode) for episode in table.episodes()) for alert in alerts)


def main() -> None:
    """Print clip, truth, alerts and windows."""
    names = sorted(path.stem for path in shared("clips").glob("*.mp4"))
    for name in (*names, *clips.NAMES):
        path = find(name)
        assessments, alerts, questions, _ = grade_clip(path, region=LEFT_HALF if name == "two_faces" else None)
        runs = " ".join(f"{a.start_us / US:.1f}-{a.end_us / US:.1f} peak {a.peak:.1f};" for a in alerts) or "-"
        episodes = " ".join(f"{start:.1f}-{end:.1f};" for start, end in truth(path).episodes()) or "-"
        windows = " ".join(f"{a.grade_name or a.reason}{'*' if a.personal else ''}" for a in assessments)
        print(f"{name:20} pspi >= 4: {episodes:24} alerts: {runs:60} asked: {len(questions)}  windows: {windows}")


if __name__ == "__main__":
    main()
