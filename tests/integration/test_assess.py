"""`wince assess` as a person starts it: real recordings, drawn clips, bad inputs, restarts."""

import csv
import io
import json
import os
import resource
import shutil
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
from tests.face_models import fetched
from tests.shared_data import shared
from tests.support.pipeline import grade_clip, overlaps, truth
from wince.domain.assessment import Alert
from wince.domain.frame import US
from wince.testing import clips

PAINS = ("p1_pain", "p2_pain", "p3_pain", "p1_mixed", "p2_mixed", "p3_mixed", "leaves_and_returns")
QUIET = ("p1_negative", "p2_negative", "p3_negative")


class Called:
    """One call of the command."""

    def __init__(self, state: Path, *arguments: object, preexec=None, **extra: str):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_") or name == "WINCE_MODELS_DIR"}
        self.done = subprocess.run(
            [sys.executable, "-m", "wince.cli.main", "assess", *map(str, arguments)],
            env=environment | {"WINCE_STATE_DIR": str(state)} | extra, capture_output=True, text=True, timeout=280, check=False,
            preexec_fn=preexec,
        )  # fmt: skip
        self.code, self.out, self.err = self.done.returncode, self.done.stdout, self.done.stderr

    def clips(self) -> dict[str, dict]:
        """What `--json -` printed, by file name."""
        return {Path(one["path"]).name: one for one in json.loads(self.out)["clips"]}


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
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, dict], list[dict[str, str]]]:
    """The real recordings with a row per frame."""
    state = tmp_path_factory.mktemp("real")
    table = state / "frames.csv"
    called = Called(state, shared("real"), "--json", "-", "--per-frame", table)
    assert called.code == 0, called.err
    return called.clips(), list(csv.DictReader(io.StringIO(table.read_text())))


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


@pytest.mark.parametrize("name", [*PAINS, *QUIET, "dark", "oxygen_mask", "rotated", "two_faces"])
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


@pytest.mark.parametrize("name", ["face_noface.mov", "noface_face.mov", "no_face.mp4"])
def test_real_faces_are_assessable_where_they_are_seen_and_nowhere_else(real: tuple, name: str):
    found, rows = real
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
    found, rows = real
    for name in ("face_noface.mov", "noface_face.mov"):
        assert found[name]["alerts"] == []
        grades = [row["grade"] for row in rows if row["source"] == found[name]["source"] and row["grade"]]
        assert grades
        assert "2" not in grades


def test_five_people_are_found_and_none_is_chosen(real: tuple):
    clip = real[0]["multi_face.jpg"]
    assert (clip["faces"], clip["grade"], clip["reasons"]) == (5, None, {"several": 1})
    assert real[0]["free-mountain-vector-01.jpg"]["reasons"] == {"none": 1}


def test_the_notes_beside_the_clips_are_passed_over_and_listed(tmp_path: Path):
    called = Called(tmp_path, shared("real"), "--json", "-")
    assert {Path(one).name for one in json.loads(called.out)["passed_over"]} == {"README.md", "truth.json"}


def test_an_astronaut_smiles_and_is_in_no_pain():
    data = pytest.importorskip("skimage.data")
    path = Path(data.__file__).parent / "astronaut.png"
    result = wince.assess(path)
    assert (result.faces, result.assessable_share) == (1, 1.0)
    assert result.plain.grade_name != "high"


def test_a_row_is_the_number_that_its_window_was_graded_by():
    """Also behind the moment from which the patient's own calm face is known."""
    result = wince.assess(clips.clip("bed1"))
    assert any(one.personal for one in result.assessments)
    for one in result.assessments:
        scores = [row.score for row in result.frames if row.grade is not None and one.start_us <= round(row.time_s * US) < one.end_us]
        assert one.median == pytest.approx(float(np.median(scores)))


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
    assert still.personal.median == pytest.approx(0, abs=1e-6)


def test_a_reference_without_a_face_ends_the_call(tmp_path: Path):
    Image.new("RGB", (320, 240), "grey").save(tmp_path / "wall.png")
    called = Called(tmp_path, clips.clip("bed1"), "--reference", tmp_path / "wall.png")
    assert called.code == 3
    assert "no assessable face in the reference" in called.err
    assert "remedy" in called.err


# what may come instead of a clip


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn face as a small picture."""
    path = tmp_path_factory.mktemp("face") / "face.png"
    with av.open(str(clips.clip("bed1"))) as container:
        next(container.decode(video=0)).to_image().save(path)
    return path


def test_an_empty_folder_and_missing_paths_are_named(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    called = Called(tmp_path, tmp_path / "empty")
    assert (called.code, "the folder is empty" in called.err) == (3, True)
    called = Called(tmp_path, tmp_path / "nowhere.mp4")
    assert (called.code, "no such file" in called.err) == (3, True)
    assert Called(tmp_path).code == 2
    assert Called(tmp_path, tmp_path / "empty", "--jobs", "0").code == 2


def test_a_thousand_files_some_of_them_junk(tmp_path: Path, face: Path):
    folder = tmp_path / "many"
    folder.mkdir()
    small = Image.open(face).resize((64, 48))
    for number in range(1000):
        if number % 10 == 0:
            (folder / f"{number}.mp4").write_bytes(b"junk %d" % number)
        elif number % 10 == 1:
            (folder / f"{number}.txt").write_text("a note")
        else:
            small.save(folder / f"{number}.png")
    called = Called(tmp_path / "state", folder, "--json", "-", "--jobs", "2")
    found = called.clips()
    assert called.code == 1
    assert len(found) == 900
    failed = [one for one in found.values() if one["error"]]
    assert len(failed) == 100
    assert {one["error"].partition(";")[0] for one in failed} == {"not a video that can be read"}
    assert len(json.loads(called.out)["passed_over"]) == 100


def test_odd_pictures_are_graded_like_the_plain_one(tmp_path: Path, face: Path):
    """CMYK, 16 bit grey, alpha, EXIF rotation, an animated GIF, 100 megapixels."""
    picture = Image.open(face).convert("RGB")
    folder = tmp_path / "odd"
    folder.mkdir()
    picture.save(folder / "plain.png")
    picture.convert("CMYK").save(folder / "cmyk.tif")
    Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257).save(folder / "deep.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.rotate(90, expand=True).save(folder / "turned.jpg", exif=exif, quality=95)
    picture.save(folder / "moving.gif", save_all=True, append_images=[picture.rotate(180)])
    huge = Image.new("RGB", (10_000, 10_000), "grey")
    huge.paste(picture.resize((6400, 4800)), (1800, 2600))
    huge.save(folder / "huge.jpg", quality=60)
    Image.new("L", (10_001, 10_000)).save(folder / "larger.png")
    called = Called(tmp_path / "state", folder, "--json", "-", "--jobs", "1")
    found = called.clips()
    assert called.code == 1
    assert "more pixels than the limit" in found.pop("larger.png")["error"]
    assert len(found) == 7
    assert {name: (one["error"], one["grade_name"], one["faces"]) for name, one in found.items()} == dict.fromkeys(found, ("", "quiet", 1))


def test_sound_alone_and_damaged_clips_are_rows(tmp_path: Path):
    folder = tmp_path / "bad"
    folder.mkdir()
    with av.open(str(folder / "sound.mp4"), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 16000
        out.mux([*stream.encode(sound), *stream.encode(None)])
    (folder / "cut.mp4").write_bytes(clips.clip("bed1").read_bytes()[:20_000])
    (folder / "empty.mp4").touch()
    os.mkfifo(folder / "pipe.mp4")
    shutil.copy(clips.clip("bed2"), folder / "good.mp4")
    called = Called(tmp_path / "state", folder, "--json", "-")
    found = called.clips()
    assert called.code == 1
    assert found["good.mp4"]["grade_name"] == "quiet"
    assert "no video in it" in found["sound.mp4"]["error"]
    assert "cut off" in found["cut.mp4"]["error"]
    assert "empty" in found["empty.mp4"]["error"]
    assert "not a plain file" in found["pipe.mp4"]["error"]


def test_a_file_without_permission_is_a_row(tmp_path: Path, face: Path):
    """Root reads everything, so the call is another user's."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    with_open = Path("/var/tmp") / f"wince-assess-{os.getpid()}"
    with_open.mkdir()
    try:
        with_open.chmod(0o777)
        shutil.copy(face, with_open / "open.png")
        (with_open / "open.png").chmod(0o644)
        (with_open / "closed.mp4").write_bytes(clips.clip("bed1").read_bytes())
        (with_open / "closed.mp4").chmod(0)
        code = (
            "import os,sys; from pathlib import Path; from wince.assess import inputs; os.setuid(65534);"
            "print([(one.path.name, one.problem and one.problem.diagnostics()) for one in inputs.gather([Path(sys.argv[1])]).files])"
        )
        done = subprocess.run([sys.executable, "-c", code, with_open], capture_output=True, text=True, check=True)
        assert "('open.png', None)" in done.stdout
        assert "no permission to read it" in done.stdout
    finally:
        shutil.rmtree(with_open)


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, face: Path):
    """Files may not grow over 300 bytes: neither JSON, table nor kept result can be written whole."""

    def small() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

    target = tmp_path / "out" / "all.json"
    target.parent.mkdir()
    target.write_text("before")
    called = Called(tmp_path / "state", face, "--json", target, preexec=small, PYTHONDONTWRITEBYTECODE="1")
    assert called.code == 7
    assert "the disk is full" in called.err
    assert "remedy" in called.err
    assert [path.name for path in target.parent.iterdir()] == ["all.json"]
    assert target.read_text() == "before"


def test_a_protocol_without_a_trained_model_refuses_by_name(tmp_path: Path, face: Path):
    called = Called(tmp_path, face, "--protocol", "icu")
    assert called.code == 3
    assert "remedy" in called.err
    assert called.out == ""
    assert Called(tmp_path, face, "--protocol", "nothing-such").code == 3


def test_an_interrupted_call_goes_on_where_it_stopped(tmp_path: Path):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("bed1", "bed2", "bed3"):
        shutil.copy(clips.clip(name), folder)
    environment = os.environ | {"WINCE_STATE_DIR": str(tmp_path / "state")}
    command = [sys.executable, "-m", "wince.cli.main", "assess", str(folder), "--jobs", "1"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as first:
        kept = tmp_path / "state" / "assess"
        deadline = time.monotonic() + 120
        while not (kept.is_dir() and [one for one in kept.iterdir() if one.suffix == ".gz"]) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(first.pid, signal.SIGINT)
        _, err = first.communicate(timeout=30)
    assert first.returncode == 130
    assert "Traceback" not in err
    before = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert 1 <= len(before) < 3
    called = Called(tmp_path / "state", folder)
    assert called.code == 0
    assert f"{len(before)} of 3 were done before" in called.out
    after = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(after) == 3
    assert {name: after[name] for name in before} == before


def test_without_espeak_the_remedy_is_said(tmp_path: Path, face: Path):
    called = Called(tmp_path, face, "--speak", PATH="")
    assert called.code == 0
    assert "apt install espeak-ng" in called.err
    assert "Quiet, in one picture." in called.err


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
