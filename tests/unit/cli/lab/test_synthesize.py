"""`wince lab synthesize`: a clip, a still and their truth; what is missing is named. Drawing needs the head and EGL."""

import builtins
import csv
import json
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tests.shared_data import shared
from wince.errors import DataError, ResourceError
from wince.lab.synthesize import bundled
from wince.lab.synthesize.expression import parse_timeline
from wince.lab.synthesize.gl import Renderer
from wince.lab.synthesize.head import load_head
from wince.lab.synthesize.person import Person
from wince.lab.synthesize.scene import Scene

PERSON = "seed=3; tone=4; timeline=neutral:.4,pain12:.6"


@pytest.fixture(scope="module")
def head():
    """Path of the head data; skips where nothing can be drawn."""
    path = shared("head/ict_head.npz")
    try:
        Renderer([Person(1, parse_timeline("neutral:1"))], load_head(path), Scene(size=(160, 120), background="plain")).close()
    except (DataError, ResourceError) as error:
        pytest.skip(f"needs moderngl and an EGL driver ({error})")
    return path


def test_a_clip_with_its_truth(wince, head, tmp_path):
    """As many pictures as rows of truth, of the size and rate asked for."""
    target = tmp_path / "bed.mp4"
    done = wince("lab", "synthesize", target, "--head", head, "--person", PERSON, "--person", "seed=8; x=12; timeline=smile:1",
                 "--size", "160x120", "--fps", 20, "--light", "left", "--background", "bed", "--json")  # fmt: skip
    assert done.code == 0, done.err
    said = done.json()
    assert (said["frames"], said["people"], said["out"]) == (20, 2, str(target))
    assert said["highest_pspi"] == pytest.approx(12, abs=0.3)  # the ramp to it takes .6 s
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (160, 120, 20)
        assert sum(1 for _ in container.decode(stream)) == 20
    with target.with_suffix(".csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 40


def test_a_still_by_the_environment(wince, head, tmp_path, monkeypatch):
    """WINCE_HEAD_DATA names the head; text says what was drawn and where its truth is."""
    monkeypatch.setenv("WINCE_HEAD_DATA", str(head))
    done = wince("lab", "synthesize", tmp_path / "face.png", "--still", 0.9, "--person", PERSON, "--size", "160x120")
    assert done.code == 0, done.err
    assert "face.csv" in done.out
    assert (tmp_path / "face.png").read_bytes()[:4] == b"\x89PNG"


def test_the_bundled_clips_again(wince, head, tmp_path, monkeypatch):
    """A clip of every recipe and the index beside; the recipes are cut short (tests/unit/lab draws frames of the whole ones)."""
    for name, recipe in bundled.CLIPS.items():
        person = replace(recipe.person, steps=parse_timeline("neutral:.2,smile:.2"))
        monkeypatch.setitem(bundled.CLIPS, name, replace(recipe, person=person, scene=replace(recipe.scene, size=(160, 120))))
    done = wince("lab", "synthesize", tmp_path / "clips", "--bundled", "--head", head, "--json")
    assert done.code == 0, done.err
    assert [Path(json.loads(line)["out"]).name for line in done.out.splitlines()] == [f"{name}.mp4" for name in bundled.CLIPS]
    index = json.loads((tmp_path / "clips" / "index.json").read_text())
    assert {name: entry["frames"] for name, entry in index.items()} == dict.fromkeys(bundled.CLIPS, 4)
    assert {path.suffix for path in (tmp_path / "clips").iterdir()} == {".mp4", ".csv", ".json"}


@pytest.mark.parametrize(
    ("arguments", "code", "field"),
    [
        (["a.mp4"], 3, "--head"),
        (["a.mp4", "--head", "nowhere.npz"], 3, "--head"),
        (["a.mp4", "--head", __file__], 3, "--head"),
        (["a.png"], 2, "OUT"),
        (["a.mp4", "--still", "1"], 2, "OUT"),
        (["absent/a.mp4"], 2, "OUT"),
        (["a.mp4", "--person", "seed=3"], 2, "person"),
        (["a.mp4", "--person", "seed=3; wig=yes; timeline=smile:1"], 2, "person"),
        (["a.mp4", "--person", "seed=3; seed=4; timeline=smile:1"], 2, "person"),
        (["a.mp4", "--person", "seed=many; timeline=smile:1"], 2, "seed"),
        (["a.mp4", "--person", "seed=3; timeline=grin:1"], 2, "timeline"),
        (["a.mp4", "--person", "seed=3; yaw=nan; timeline=smile:1"], 2, "track"),
        (["a.mp4", "--person", "seed=3; occluder=scarf; timeline=smile:1"], 2, "occluder"),
        (["a.mp4", "--person", "seed=3; occluder=mask:x; timeline=smile:1"], 2, "occluder"),
        (["a.mp4", "--size", "big"], 2, "--size"),
        (["a.mp4", "--size", "641x480"], 2, "size"),
        (["a.mp4", "--light", "candle"], 2, "--light"),
        (["a.mp4", "--background", "beach"], 2, "background"),
        (["out", "--bundled", "--person", PERSON], 2, "--bundled"),
        (["a.mp4", "--fps", "ten"], 2, "--fps"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_arguments(wince, tmp_path, monkeypatch, arguments, code, field):
    """Each is refused by name, with a remedy, before anything is drawn."""
    monkeypatch.chdir(tmp_path)
    done = wince("lab", "synthesize", *arguments)
    assert done.code == code, done.err
    assert field in done.err
    assert code == 2 or "remedy" in done.err
    assert list(tmp_path.iterdir()) == []


def test_without_the_library(wince, head, tmp_path, monkeypatch):
    """Where moderngl is not installed, the command that installs it is named, and nothing is left behind."""
    real = builtins.__import__

    def without(name, *rest, **more):
        if name == "moderngl":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    done = wince("lab", "synthesize", tmp_path / "a.mp4", "--head", head, "--json")
    assert done.code == 3
    assert done.json()["remedy"] == "pip install moderngl"
    assert "pip install moderngl" in done.err
    assert list(tmp_path.iterdir()) == []


def test_times_that_can_not_be_drawn(wince, head, tmp_path):
    """A still outside of the timeline and an impossible rate are refused."""
    for extra, field in ((["b.png", "--still", 9], "still"), (["b.mp4", "--fps", 0], "fps")):
        done = wince("lab", "synthesize", tmp_path / extra[0], *extra[1:], "--head", head, "--person", PERSON)
        assert done.code == 2, done.err
        assert field in done.err
    assert list(tmp_path.iterdir()) == []
