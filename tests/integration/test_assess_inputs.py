"""What `wince assess` may be given instead of a good clip: each bad input by name, the others all the same."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.face_models import fetched
from tests.support.assess import Called, environment
from wince.cli.assess import MEMORY
from wince.protocols import loader
from wince.testing import clips


@pytest.fixture(scope="module", autouse=True)
def models():
    fetched()


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn face as a small picture."""
    path = tmp_path_factory.mktemp("face") / "face.png"
    with av.open(str(clips.clip("bed1"))) as container:
        next(container.decode(video=0)).to_image().save(path)
    return path


def test_an_empty_folder_and_missing_paths_are_rows(tmp_path: Path, face: Path):
    """They fail by name, and what stands beside them is graded."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "note.txt").write_text("no clip")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    named = [tmp_path / name for name in ("empty", "notes", "nowhere.mp4", "loop.mp4")]
    called = Called(tmp_path / "state", *named, face, "--json", "-")
    found = called.clips()
    assert called.code == 1
    assert found.pop("face.png")["grade_name"] == "quiet"
    assert {name: one["error"].split(";")[0] for name, one in found.items()} == {
        "empty": "the folder is empty",
        "notes": "holds no video or picture (1 other file)",
        "nowhere.mp4": "no such file",
        "loop.mp4": "can't be read: Too many levels of symbolic links",
    }


def test_usage(tmp_path: Path, face: Path):
    assert Called(tmp_path).code == 2
    assert Called(tmp_path, face, "--jobs", "0").code == 2
    assert Called(tmp_path, face, "--wishes").code == 2


@pytest.mark.slow
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
    assert {one["error"].partition(";")[0] for one in failed} == {"neither a picture nor a video that can be read"}
    assert len(json.loads(called.out)["passed_over"]) == 100


@pytest.mark.slow
def test_odd_pictures_are_graded_like_the_plain_one(tmp_path: Path, face: Path):
    """CMYK, 16 bit grey, alpha, EXIF rotation, a GIF, an AVIF, 100 megapixels."""
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
    picture.save(folder / "few-colours.gif")
    picture.save(folder / "small.avif")
    huge = Image.new("RGB", (10_000, 10_000), "grey")
    huge.paste(picture.resize((6400, 4800)), (1800, 2600))
    huge.save(folder / "huge.jpg", quality=60)
    Image.new("L", (10_001, 10_000)).save(folder / "larger.png")
    called = Called(tmp_path / "state", folder, "--json", "-", "--jobs", "1")
    found = called.clips()
    assert called.code == 1
    assert "more pixels than the limit" in found.pop("larger.png")["error"]
    assert len(found) == 8
    assert {name: (one["error"], one["grade_name"], one["faces"]) for name, one in found.items()} == dict.fromkeys(found, ("", "quiet", 1))


def test_an_animation_is_graded_as_the_film_that_it_is(tmp_path: Path, face: Path):
    """By its own times: the face is there from 1.5 s to 5 s. A TIFF's pages, which have none, are refused by name."""
    picture = Image.open(face).convert("RGB")
    dark = Image.new("RGB", picture.size)
    seen = [picture.point(lambda value, step=step: min(255, value + step)) for step in range(35)]
    for name in ("moving.gif", "moving.webp"):
        dark.save(tmp_path / name, save_all=True, append_images=seen, duration=[1500, *[100] * 35])
    seen[0].save(tmp_path / "pages.tiff", save_all=True, append_images=seen[1:3])
    called = Called(tmp_path / "state", *(tmp_path / name for name in ("moving.gif", "moving.webp", "pages.tiff")), "--json", "-")
    found = called.clips()
    assert called.code == 1
    assert "--rate" in found.pop("pages.tiff")["error"]
    for one in found.values():
        assert (one["error"], one["still"], one["duration_s"], one["grade_name"]) == ("", False, 5.0, "quiet")
        assert one["reasons"] == {"dark": 5, "no_frame": 2}  # the dark picture counts for a second


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
    """Files may not grow over 300 bytes: neither JSON, report nor kept result can be written whole."""

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
    called = Called(tmp_path / "state", face, "--report", tmp_path / "out" / "report", preexec=small, PYTHONDONTWRITEBYTECODE="1")
    assert called.code == 7
    assert "the disk is full" in called.err
    assert [path.name for path in target.parent.iterdir()] == ["all.json"]


def test_a_protocol_without_a_trained_model_refuses_by_name(tmp_path: Path, face: Path):
    called = Called(tmp_path, face, "--protocol", "icu")
    assert called.code == 3
    assert "remedy" in called.err
    assert called.out == ""
    assert Called(tmp_path, face, "--protocol", "nothing-such").code == 2


def test_a_dim_clip_is_left_out_whole(tmp_path: Path):
    """As hip-fracture says: with its share of dark frames, whatever was seen in the others; a protocol without the rule keeps those."""
    own = tmp_path / "protocols"
    own.mkdir()
    text = (loader.SHIPPED / "activity.toml").read_text().replace('name = "activity"', 'name = "strict"', 1)
    (own / "strict.toml").write_text(text.replace("rate_hz = 5", "rate_hz = 5\ndim_share = 0.5", 1))
    table = tmp_path / "frames.csv"
    called = Called(
        tmp_path / "state", clips.clip("bed3"), clips.clip("bed2"), "--protocol", "strict", "--json", "-", "--per-frame", table,
        "--report", tmp_path / "report", WINCE_PROTOCOL_DIR=str(own),
    )  # fmt: skip
    assert called.code == 0, called.err
    dim, bright = called.clips()["bed3.mp4"], called.clips()["bed2.mp4"]
    assert (dim["grade"], dim["windows"], dim["alerts"], dim["assessable_share"], dim["reasons"]) == (None, [], [], 0.0, {"dark": 120})
    assert any(note.startswith("dim: 51% of the frames are too dark") for note in dim["notes"])
    assert bright["grade_name"] == "quiet"
    rows = [row for row in csv.DictReader(table.read_text().splitlines()) if row["source"] == dim["source"]]
    assert len(rows) == 120
    assert {(row["assessable"], row["reason"], row["score"], row["grade"], row["au4"], row["yaw"]) for row in rows} == {
        ("false", "dark", "", "", "", "")
    }
    (page,) = (tmp_path / "report").glob("bed3-*.html")
    assert "not assessable" in page.read_text()


PEAK = """
import os, subprocess, sys
with subprocess.Popen(sys.argv[1:]) as process:
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
print("peak", used.ru_maxrss)
sys.exit(process.returncode)
"""
"""Runs a command and says its peak, KiB. In a process of its own: a child's peak begins at what its parent held, and pytest holds a lot."""


@pytest.mark.slow
def test_a_worker_takes_no_more_memory_than_is_said(tmp_path: Path, face: Path):
    """The worst that the limits allow: a picture of 100 megapixels that can't be decoded at a smaller size."""
    huge = Image.new("RGB", (10_000, 10_000), "grey")
    huge.paste(Image.open(face).convert("RGB").resize((6400, 4800)), (1800, 2600))
    huge.save(tmp_path / "huge.png", compress_level=1)
    command = [sys.executable, "-c", PEAK, sys.executable, "-m", "wince.cli.main", "assess", str(tmp_path / "huge.png")]
    done = subprocess.run(command, env=environment(tmp_path / "state"), capture_output=True, text=True, check=True)
    said, peak = done.stdout.rsplit("peak ", 1)
    assert "quiet" in said
    assert int(peak) * 1024 < 1.25e9
    assert "1.2 GB for a picture of 100 megapixels" in MEMORY
