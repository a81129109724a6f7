"""`wince assess` as a person starts it: real recordings, drawn clips, bad inputs, restarts."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import wince
from tests.astronaut import astronaut
from tests.conftest import reachable
from tests.e2e.wince_run import run
from tests.face_models import fetched
from tests.shared_data import shared
from tests.support.assess import Called, environment
from tests.support.pipeline import grade_clip, overlaps, truth
from wince.domain.assessment import Alert
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.testing import clips

PAINS = ("p1_pain", "p2_pain", "p3_pain", "p1_mixed", "p2_mixed", "p3_mixed", "leaves_and_returns")
UNSEEN = {"dark": "dark", "oxygen_mask": "covered", "rotated": "turned", "two_faces": "several"}
QUIET = ("p1_negative", "p2_negative", "p3_negative")


@pytest.fixture(scope="module", autouse=True)
def models():
    fetched()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """Every shared clip, by two workers."""
    folder = shared("clips")
    state = tmp_path_factory.mktemp("drawn")
    called = Called(state, folder, "--json", "-", "--jobs", "2")
    assert called.code == 0, called.err
    return called.clips()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict], list[dict[str, str]], list[str]]:
    """The real recordings, a row per frame of them, and the files that were passed over."""
    state = tmp_path_factory.mktemp("real")
    table = state / "frames.csv"
    called = Called(state, shared("real"), "--json", "-", "--per-frame", table)
    assert called.code == 0, called.err
    return called.clips(), list(csv.DictReader(io.StringIO(table.read_text()))), json.loads(called.out)["passed_over"]


@pytest.mark.parametrize("name", PAINS)
def test_every_pain_episode_alerts_and_nothing_else_does(drawn: dict[str, dict], name: str):
    alerts = [_alert(one) for one in drawn[f"{name}.mp4"]["alerts"]]
    episodes = truth(shared(f"clips/{name}.mp4")).episodes()
    assert episodes
    assert [one for one in episodes if not any(overlaps(alert, one) for alert in alerts)] == []
    assert [alert.start_us for alert in alerts if not any(overlaps(alert, one) for one in episodes)] == []


@pytest.mark.parametrize("name", QUIET)
def test_smiles_speech_and_yawns_never_alert(drawn: dict[str, dict], name: str):
    clip = drawn[f"{name}.mp4"]
    assert (clip["alerts"], clip["questions"], clip["grade_name"]) == ([], [], "quiet")


def _alert(one: dict) -> Alert:
    return Alert(one["id"], one["assessment"], "", "", round(one["start_s"] * US), round(one["end_s"] * US), one["grade"], "", one["peak"])


@pytest.mark.parametrize("name", ["p1_mixed", "leaves_and_returns", "two_faces"])
def test_windows_are_those_of_the_stages_folded_directly(drawn: dict[str, dict], name: str):
    """The same stages, in two worker processes and in this one."""
    assessments, alerts, questions, _ = grade_clip(shared(f"clips/{name}.mp4"))
    clip = drawn[f"{name}.mp4"]
    of_window = (
        "start_s",
        "end_s",
        "grade",
        "grade_name",
        "median",
        "peak",
        "assessable_share",
        "confidence",
        "reason",
        "frames",
        "personal",
    )
    expected = [
        {key: (getattr(one, key.replace("_s", "_us")) / US if key in ("start_s", "end_s") else getattr(one, key)) for key in of_window}
        for one in assessments
    ]
    assert [{key: one[key] for key in of_window} for one in clip["windows"]] == expected
    assert [(one["start_s"], one["end_s"], one["peak"]) for one in clip["alerts"]] == [
        (one.start_us / US, one.end_us / US, one.peak) for one in alerts
    ]
    assert [one["reason"] for one in clip["questions"]] == [one.reason for one in questions]


@pytest.mark.parametrize(("name", "reason"), UNSEEN.items())
def test_what_cannot_be_seen_says_why(drawn: dict[str, dict], name: str, reason: str):
    clip = drawn[f"{name}.mp4"]
    assert reason in clip["reasons"]
    assert {window["reason"] for window in clip["windows"] if window["grade"] is None} == {reason}


@pytest.mark.slow
def test_the_road_says_the_same(drawn: dict[str, dict]):
    """`wince run` with these clips as cameras: the same windows, grades, reasons and alerts at the same seconds."""
    names = {"ICU^1^A": "p3_pain", "ICU^2^A": "dark"}
    with reachable() as folder:
        ran = run(folder / "state", *(f"--clip={bed}={shared(f'clips/{name}.mp4')}" for bed, name in names.items()))
    assert ran.returncode == 0, ran.stderr
    beds = {bed["source"]: bed["bed"] for bed in ran.result["beds"]}
    for bed, name in names.items():
        clip = drawn[f"{name}.mp4"]
        mine = [event for event in ran.events if beds.get(event.get("source", "")) == bed]
        windows = [(one["start_s"], one["grade"], one["reason"]) for one in mine if one["event"] == "window"]
        alerts = [(one["start_s"], one["end_s"], one["grade"]) for one in mine if one["event"] == "alert"]
        assert sorted(windows) == [(one["start_s"], one["grade_name"], one["reason"]) for one in clip["windows"]]
        assert sorted(alerts) == [(one["start_s"], one["end_s"], one["grade_name"]) for one in clip["alerts"]]


@pytest.mark.parametrize("name", ["face_noface.mov", "noface_face.mov", "no_face.mp4"])
def test_real_faces_are_assessable_where_they_are_seen_and_nowhere_else(real: tuple, name: str):
    found, rows, _ = real
    segments = json.loads(shared("real/truth.json").read_text())[name]["segments"]
    mine = [row for row in rows if row["source"] == found[name]["source"]]
    assert len(mine) > 15
    faces: dict[bool, list[bool]] = {True: [], False: []}
    for row in mine:
        segment = [one for one in segments if one["seconds"][0] <= float(row["time_s"]) + 0.001][-1]
        faces[segment["faces"] == 1].append(row["assessable"] == "true")
    assert not any(faces[False])
    if faces[True]:
        assert sum(faces[True]) >= 0.95 * len(faces[True])


def test_a_real_smile_is_no_pain(real: tuple):
    found, rows, _ = real
    for name in ("face_noface.mov", "noface_face.mov"):
        assert found[name]["alerts"] == []
        grades = [row["grade"] for row in rows if row["source"] == found[name]["source"] and row["grade"]]
        assert grades
        assert "2" not in grades


def test_five_people_are_found_and_none_is_chosen(real: tuple):
    clip = real[0]["multi_face.jpg"]
    assert (clip["faces"], clip["grade"], clip["reasons"]) == (5, None, {"several": 1})
    assert real[0]["free-mountain-vector-01.jpg"]["reasons"] == {"none": 1}


def test_the_notes_beside_the_clips_are_passed_over_and_listed(real: tuple):
    assert {Path(one).name for one in real[2]} == {"README.md", "truth.json"}


def test_a_row_a_frame_with_the_columns_that_are_promised(real: tuple):
    """A still picture gives one row; what was not measured, or not assessable, is empty and never 0."""
    found, rows, _ = real
    assert ",".join(rows[0]) == "file,source,time_s,assessable,reason,score,grade,confidence,au4,au6,au7,au9,au10,au43,yaw,pitch,roll"
    (still,) = [row for row in rows if row["source"] == found["multi_face.jpg"]["source"]]
    assert list(still.values()) == ["multi_face.jpg", still["source"], "0.000", "false", "several", *[""] * 12]
    for row in rows:
        assert (row["assessable"] == "true") == (row["au6"] != "") == (row["au9"] != "")
        assert (row["assessable"] == "true") == (row["score"] != "") == (row["yaw"] != "")
        assert row["assessable"] == "true" or row["reason"]
        assert row["score"] == "" or 0 <= float(row["score"]) <= 16


def test_an_astronaut_smiles_and_is_in_no_pain():
    """scikit-image's picture of her: one face. Nobody's calm face is known, so her broad smile is called what it is, and no grade."""
    result = wince.assess(astronaut())
    assert (result.faces, result.assessable_share) == (1, 1.0)
    assert (result.plain.grade, result.reasons) in [(0, {}), (None, {Reason.CONFLICT: 1})]


def test_a_row_is_the_number_that_its_window_was_graded_by():
    """Also behind the moment from which the patient's own calm face is known."""
    result = wince.assess(clips.clip("bed1"))
    assert any(one.personal for one in result.assessments)
    for one in result.assessments:
        scores = [row.score for row in result.frames if row.grade is not None and one.start_us <= round(row.time_s * US) < one.end_us]
        assert one.median == pytest.approx(float(np.median(scores)))


@pytest.mark.slow
def test_two_runs_and_a_skipped_one_give_the_same_bytes(tmp_path: Path):
    """The third call finds the second's results."""
    clip = clips.clip("bed2")
    outputs = []
    for state in ("a", "b", "b"):
        table = tmp_path / "frames.csv"
        called = Called(tmp_path / state, clip, "--json", "-", "--per-frame", table, "--reference", "0-2")
        assert called.code == 0, called.err
        outputs.append((called.out, table.read_bytes()))
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(list((tmp_path / "b" / "assess").iterdir())) == 1


def test_a_reference_is_reported_with_and_without(tmp_path: Path):
    """The patient's first two seconds are calm; against them the later pain stands out, and a picture of them does the same."""
    clip = clips.clip("bed1")
    with av.open(str(clip)) as container:
        next(container.decode(video=0)).to_image().save(tmp_path / "calm.png")
    by_stretch, by_still = (wince.assess(clip, reference=one) for one in ("0-2", tmp_path / "calm.png"))
    alone = wince.assess(clip)
    assert alone.personal is None
    for result in (by_stretch, by_still):
        assert result.plain == alone.plain
        assert result.personal is not None
        assert result.personal.median != result.plain.median
        assert all(one.personal for one in result.assessments if one.grade is not None)
        assert len(result.alerts) >= 1
    still = wince.assess(tmp_path / "calm.png", reference=tmp_path / "calm.png")
    assert still.personal is not None
    assert still.personal.median < 0.5  # the nets read no change as nearly nothing


def test_a_reference_without_a_face_ends_the_call(tmp_path: Path):
    Image.new("RGB", (320, 240), "grey").save(tmp_path / "wall.png")
    called = Called(tmp_path, clips.clip("bed1"), "--reference", tmp_path / "wall.png")
    assert called.code == 3
    assert "no assessable face in the reference" in called.err
    assert "remedy" in called.err


@pytest.mark.slow
def test_an_interrupted_call_goes_on_where_it_stopped(tmp_path: Path):
    """The first call has far more to do than the moment until it is interrupted; the second asks for what came first."""
    mine = [clips.clip(name) for name in ("bed1", "bed2")]
    command = [sys.executable, "-m", "wince.cli.main", "assess", *map(str, [*mine, shared("clips")]), "--jobs", "1"]
    kept = tmp_path / "state" / "assess"
    with subprocess.Popen(
        command, env=environment(tmp_path / "state"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        deadline = time.monotonic() + 120
        while not (kept.is_dir() and [one for one in kept.iterdir() if one.suffix == ".gz"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGINT)
        _, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    assert "Traceback" not in err
    before = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert 1 <= len(before) < 18
    called = Called(tmp_path / "state", *mine)
    assert called.code == 0
    assert f"{min(2, len(before))} of 2 were done before" in called.out
    after = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(after) >= 2
    assert {name: after[name] for name in before} == before


def test_without_espeak_the_remedy_is_said(tmp_path: Path):
    called = Called(tmp_path, clips.clip("bed2"), "--speak", PATH="")
    assert called.code == 0
    assert "apt install espeak-ng" in called.err
    assert "No alert; highest and longest grade, by the rule of PEEA, quiet for 22 of 22 seconds; 100 percent assessable" in called.err


def test_the_function_is_the_same_however_it_is_reached():
    """`import wince` alone, and after parts of the package were imported."""
    code = (
        "import wince, sys; assert 'openvino' not in sys.modules; "
        "import wince.assess.result; print(wince.assess(sys.argv[1]).plain.grade_name)"
    )
    done = subprocess.run([sys.executable, "-c", code, clips.clip("bed2")], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "quiet"
    one, two = wince.assess(clips.clip("bed2")), wince.assess(str(clips.clip("bed2")))
    assert replace(one, path=two.path).plain == two.plain
    assert one.assessments == two.assessments
