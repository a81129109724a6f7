"""How `wince assess` is told to look: whose face, which part of the picture, turned how, how often; from a pipe and from a camera."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import wince
from tests.face_models import fetched
from tests.support.assess import Called, environment
from wince.assess.inputs import live as cameras_
from wince.assess.inputs.live import LiveClip, live
from wince.assess.result import ClipResult
from wince.domain.frame import US, Beat, Frame
from wince.domain.reason import Reason
from wince.errors import ConfigError, MediaError
from wince.testing import cameras, clips

SECONDS = 12


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    fetched()


@pytest.fixture(scope="module", autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        path = tmp_path_factory.mktemp("state")
        patch.setenv("WINCE_STATE_DIR", str(path))
        yield path


def pictures(name: str) -> Iterator[np.ndarray]:
    with av.open(str(clips.clip(name))) as container:
        stream = container.streams.video[0]
        rate = float(stream.average_rate or 10)
        for frame in islice(container.decode(stream), int(SECONDS * rate)):
            yield frame.to_ndarray(format="rgb24")


def rate(name: str) -> Fraction:
    with av.open(str(clips.clip(name))) as container:
        return container.streams.video[0].average_rate or Fraction(10)


def film(path: Path, frames: Iterator[np.ndarray], hz: Fraction, **options: str) -> Path:
    with av.open(str(path), "w") as out:
        stream = None
        for picture in frames:
            if stream is None:
                stream = out.add_stream("libx264", rate=hz, options={"crf": "18", "preset": "ultrafast"} | options)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        assert stream is not None
        out.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two beds in one picture: pain on the left, none on the right."""
    both = (np.hstack(pair) for pair in zip(pictures("bed1"), pictures("bed2"), strict=False))
    return film(tmp_path_factory.mktemp("two") / "two.mp4", both, rate("bed1"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClipResult]:
    """The same beds, each by itself."""
    folder = tmp_path_factory.mktemp("alone")
    return {name: wince.assess(film(folder / f"{name}.mp4", pictures(name), rate(name))) for name in ("bed1", "bed2")}


def close(one: ClipResult, other: ClipResult) -> bool:
    """Whether scores run alike: most frames within half a point."""
    pairs = [(a.score, b.score) for a, b in zip(one.frames, other.frames, strict=False) if a.score is not None and b.score is not None]
    return len(pairs) > 0.8 * len(other.frames) and float(np.median([abs(a - b) for a, b in pairs])) < 0.5


def test_without_a_choice_nobody_is_graded_and_the_faces_are_numbered(two: Path) -> None:
    result = wince.assess(two)
    assert result.plain.grade is None
    assert set(result.reasons) == {Reason.SEVERAL}
    (note,) = (one for one in result.notes if one.startswith("faces by number"))
    assert "1 at 0.0 s, 2" in note
    assert "--face N" in note


@pytest.mark.parametrize(("said", "bed"), [
    ({"face": 1}, "bed1"), ({"face": 2}, "bed2"), ({"region": (0, 0, 0.5, 1)}, "bed1"), ({"region": (0.5, 0, 1, 1)}, "bed2"),
])  # fmt: skip
def test_the_chosen_face_is_graded_as_if_it_were_alone(two: Path, alone: dict[str, ClipResult], said: dict, bed: str) -> None:
    result = wince.assess(two, **said)
    assert close(result, alone[bed])
    assert not close(result, alone["bed2" if bed == "bed1" else "bed1"])
    assert len(result.alerts) == len(alone[bed].alerts)
    if "face" in said:
        assert any(note.startswith(f"face {said['face']} of 2 was chosen (--face): first seen at 0.0 s") for note in result.notes)


def test_a_face_that_nobody_has_is_an_error_of_that_input(two: Path) -> None:
    with pytest.raises(MediaError, match="only 2 faces were seen") as caught:
        wince.assess(two, face=3)
    assert caught.value.field == "face 3"
    assert "1 at 0.0 s" in caught.value.remedy


def test_one_face_of_a_photograph_is_chosen_too(tmp_path: Path) -> None:
    picture = np.hstack([next(pictures("bed1")), next(pictures("bed2"))])
    Image.fromarray(picture).save(tmp_path / "two.png")
    assert wince.assess(tmp_path / "two.png").reasons == {Reason.SEVERAL: 1}
    for face in (1, 2):
        result = wince.assess(tmp_path / "two.png", face=face)
        assert (result.still, result.plain.grade_name) == (True, "quiet")


def test_a_camera_that_hangs_upside_down_is_turned(tmp_path: Path, alone: dict[str, ClipResult]) -> None:
    path = film(tmp_path / "down.mp4", (np.rot90(one, 2) for one in pictures("bed2")), rate("bed2"))
    assert Reason.UPSIDE_DOWN in wince.assess(path).reasons
    assert close(wince.assess(path, rotation=180), alone["bed2"])


def test_at_another_rate_more_or_fewer_frames_are_looked_at(alone: dict[str, ClipResult], tmp_path: Path) -> None:
    path = film(tmp_path / "bed1.mp4", pictures("bed1"), rate("bed1"))
    usual = alone["bed1"]
    slow = wince.assess(path, rate=2)
    assert len(slow.frames) == SECONDS * 2
    assert slow.assessable_share > 0.9
    assert slow.rule != usual.rule
    assert [one.grade for one in slow.assessments] == [one.grade for one in usual.assessments]


def test_pages_of_a_tiff_are_a_film_where_their_rate_is_said(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(one) for one in islice(pictures("bed2"), 30)]
    first.save(tmp_path / "pages.tiff", save_all=True, append_images=others)
    with pytest.raises(MediaError, match="30 pages and no time"):
        wince.assess(tmp_path / "pages.tiff")
    result = wince.assess(tmp_path / "pages.tiff", rate=5)
    assert (result.still, result.duration_s, len(result.frames), result.plain.grade_name) == (False, 6.0, 30, "quiet")


def test_a_film_that_is_piped_in_is_graded_and_kept(tmp_path: Path) -> None:
    data = clips.clip("bed2").read_bytes()
    command = [sys.executable, "-m", "wince.cli.main", "assess", "-", "--json", "-"]
    first = subprocess.run(command, input=data, env=environment(tmp_path), capture_output=True, check=True, timeout=280)
    assert b'"path": "standard-input"' in first.stdout
    assert b'"grade_name": "quiet"' in first.stdout
    again = subprocess.run(command, input=data, env=environment(tmp_path), capture_output=True, check=True, timeout=280)
    assert again.stdout == first.stdout


def test_a_result_is_kept_for_one_way_of_looking(tmp_path: Path, two: Path) -> None:
    """The file is the same; another face, or another region, is computed and not what was kept."""
    for said, seen in ((("--face", 1), 1), (("--face", 2), 2), (("--region", "0.5,0,1,1"), 3), (("--face", 2), 3)):
        assert Called(tmp_path, two, *said, "--json", "-").code == 0
        assert len(list((tmp_path / "assess").glob("*.json.gz"))) == seen


def transport_stream(path: Path) -> bytes:
    """6 s, a key picture every second, as large as a camera's."""
    hz = rate("bed2")
    return film(path, islice(pictures("bed2"), int(6 * hz)), hz, crf="8", g=str(int(hz))).read_bytes()


def asked(seconds: int, *addresses: str) -> cameras_.Live:
    found = live(seconds, addresses=addresses)
    assert found is not None
    return found


def test_some_seconds_of_a_camera_are_graded_on_media_time_and_a_loss_is_told(tmp_path: Path) -> None:
    """It ends its stream after 6 s and is connected again."""
    with cameras.FakeCamera(cameras.paced(transport_stream(tmp_path / "a.ts"), seconds=6)) as fake:
        uri = f"tcp://127.0.0.1:{fake.port}"
        result = wince.assess(uri, seconds=10)
    assert (str(result.path), result.duration_s, result.still) == (f"127.0.0.1-{fake.port}", 10.0, False)
    assert all(0 <= one.time_s < 10 for one in result.frames)
    assert len(result.frames) >= 15
    assert any(note.startswith(f"live: 10 s of tcp://127.0.0.1:{fake.port}, from 20") for note in result.notes)
    assert any(note.startswith("the camera was lost and connected again") for note in result.notes)


def test_a_camera_that_gives_no_picture_is_named_with_what_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Never with its login, nor with what follows a question mark."""
    monkeypatch.setattr(cameras_, "FIRST_S", 1.0)
    with cameras.FakeCamera(cameras.silence) as fake:
        closed = fake.port
    (tmp_path / "login").write_text("nurse:s3cret")
    uri = f"rtsp://127.0.0.1:{closed}/bed?token=t0ken"
    said = live(3, tmp_path / "login", addresses=(uri,))
    assert said is not None
    with pytest.raises(MediaError, match="no picture came: nobody answers") as caught:
        list(LiveClip(uri, "s", said, rate_hz=5, rotation=0))
    told = caught.value.diagnostics() + str(LiveClip(uri, "s", said, rate_hz=5, rotation=0).notes())
    assert not any(word in told for word in ("s3cret", "t0ken", "nurse"))


def test_frames_of_a_camera_begin_at_0_and_its_last_beat_ends(tmp_path: Path) -> None:
    with cameras.FakeCamera(cameras.paced(transport_stream(tmp_path / "a.ts"), seconds=6)) as fake:
        uri = f"tcp://127.0.0.1:{fake.port}"
        messages = list(LiveClip(uri, "s", asked(2, uri), rate_hz=5, rotation=0))
    frames = [one for one in messages if isinstance(one, Frame)]
    beats = [one for one in messages if isinstance(one, Beat)]
    assert frames[0].sequence == 0
    assert all(0 <= one.time_us < 2 * US for one in frames)
    assert [(one.time_us, one.ended) for one in beats] == [(US, False), (2 * US, True)]


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("rtsp://camera.example/1",), "--seconds"),
        (("rtsp://camera.example/1", "--seconds", "0"), "--seconds"),
        (("rtsp://camera.example/1", "--seconds", "1.5"), "--seconds"),
        (("rtsp://nurse:s3cret@camera.example/1", "--seconds", "5"), "user name or password"),
        (("ftp://camera.example/1", "--seconds", "5"), "must be a URL of rtsp"),
        (("rtsp://camera.example/1", "--seconds", "5", "--camera-ca", "ca.pem"), "--camera-ca"),
        (("rtsp://camera.example/1", "--seconds", "5", "--login-file", "none"), "--login-file"),
        (("clip.mp4", "--seconds", "5"), "--seconds"),
        (("clip.mp4", "--rotation", "45"), "--rotation"),
        (("clip.mp4", "--region", "0,0,640,480"), "--region"),
        (("clip.mp4", "--rate", "31"), "--rate"),
        (("clip.mp4", "--face", "0"), "--face"),
    ],
)
def test_wrong_options_are_usage_errors(tmp_path: Path, arguments: tuple[str, ...], option: str) -> None:
    called = Called(tmp_path, *arguments)
    assert called.code == 2
    assert option in called.err
    assert "remedy" in called.err
    assert "s3cret" not in called.err + called.out


def test_python_raises_the_same(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is missing"):
        wince.assess("rtsp://camera.example/1")
    with pytest.raises(ConfigError, match="must be 0, 90, 180 or 270"):
        wince.assess(tmp_path / "a.mp4", rotation=1)
