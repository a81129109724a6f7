"""Drawn clips: the bundled ones can be remade, and the same arguments give the same bytes. Needs the head and EGL."""

import csv
import json
from pathlib import Path

import av
import numpy as np
import pytest

from tests.shared_data import shared
from wince.errors import DataError, ResourceError
from wince.lab.synthesize.bundled import CLIPS, FPS, describe
from wince.lab.synthesize.clip import draw_clip, draw_frames, draw_still
from wince.lab.synthesize.expression import parse_timeline
from wince.lab.synthesize.gl import Renderer
from wince.lab.synthesize.head import Head, load_head
from wince.lab.synthesize.person import Occluder, Person
from wince.lab.synthesize.scene import TRUTH_COLUMNS, Scene
from wince.testing import clips

SMALL = Scene(size=(160, 120), background="plain")


@pytest.fixture(scope="module")
def head() -> Head:
    head = load_head(shared("head/ict_head.npz"))
    try:
        Renderer([Person(1, parse_timeline("neutral:1"))], head, SMALL).close()
    except (DataError, ResourceError) as error:
        pytest.skip(f"needs moderngl and an EGL driver ({error})")
    return head


def read_truth(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", CLIPS)
def test_redrawing_frames_of_a_bundled_clip_gives_its_truth_and_its_picture(name: str, head: Head):
    recipe, truth = CLIPS[name], read_truth(clips.truth(name))
    with av.open(str(clips.clip(name))) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == len(truth)
    wanted = (0, 71, 128, 199)
    drawn = draw_frames([recipe.person], head=head, scene=recipe.scene, times=[i / FPS for i in wanted])
    for number, (picture, (row,)) in zip(wanted, drawn, strict=True):
        for column in TRUTH_COLUMNS[1:]:
            have, want = row[column], truth[number][column]
            if isinstance(have, str):
                assert have == want, column
            else:  # another Mesa may shade a pixel otherwise: only the brightness can feel it
                assert have == pytest.approx(float(want), abs=0.5 if column == "brightness" else 0.1), column
        assert np.abs(picture.astype(int) - pictures[number]).mean() < 4


def test_the_index_says_what_the_truth_says():
    index = json.loads((clips.clip("bed1").parent / "index.json").read_text())
    assert tuple(index) == tuple(CLIPS) == clips.NAMES
    for name, entry in index.items():
        rows = [{k: v if k in ("expression", "occluder") else float(v) for k, v in row.items()} for row in read_truth(clips.truth(name))]
        assert describe(CLIPS[name], rows) == entry
    assert index["bed1"]["people"][0]["highest_pspi"] >= 10
    assert index["bed2"]["people"][0]["pain"] == [] == index["bed3"]["people"][0]["pain"]
    assert index["bed3"]["dark"] != []


def test_the_bundled_clips_are_small_and_not_the_test_persons():
    folder = clips.clip("bed1").parent
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 3_000_000
    assert not {recipe.person.seed for recipe in CLIPS.values()} & {101, 202, 303, 404, 505, 606, 707, 808, 909}
    assert len({recipe.person.tone for recipe in CLIPS.values()}) == 3


def test_same_arguments_same_bytes(tmp_path: Path, head: Head):
    masked = Person(7, parse_timeline("neutral:.3,pain12:.7"), occluder=Occluder("mask", 0.5))
    people = [masked, Person(8, parse_timeline("smile:1"), x=15.0)]
    for name in ("a", "b"):
        rows = draw_clip(tmp_path / f"{name}.mp4", people, head=head, scene=SMALL)
        assert len(rows) == 20
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert {row["occluder"] for row in read_truth(tmp_path / "a.csv")} == {"none", "mask"}


@pytest.mark.parametrize("kind", ["mask", "tube"])
def test_an_occluder_changes_the_picture_and_not_the_face(kind: str, head: Head):
    steps = parse_timeline("neutral:1")
    bare, hidden = (
        next(draw_frames([Person(7, steps, occluder=occluder)], head=head, scene=SMALL, times=[0.5])) for occluder in (None, Occluder(kind))
    )
    assert (np.abs(bare[0].astype(int) - hidden[0]).max(axis=2) > 30).mean() > 0.005
    assert bare[1][0]["x0"] == hidden[1][0]["x0"]
    assert (bare[1][0]["occluder"], hidden[1][0]["occluder"]) == ("none", kind)


def test_a_still_has_its_truth_beside(tmp_path: Path, head: Head):
    draw_still(tmp_path / "face.png", [Person(7, parse_timeline("pain12:2"))], head=head, scene=SMALL, at_s=1.5)
    (row,) = read_truth(tmp_path / "face.csv")
    assert float(row["pspi"]) == pytest.approx(12, abs=0.01)
    assert (tmp_path / "face.png").stat().st_size > 1000


def test_a_clip_that_cannot_be_written_leaves_nothing(tmp_path: Path, head: Head):
    with pytest.raises(ResourceError):
        draw_clip(tmp_path / "absent" / "a.mp4", [Person(7, parse_timeline("neutral:1"))], head=head, scene=SMALL)
    with pytest.raises(DataError):
        draw_clip(tmp_path / "a.mp4", [], head=head)
    with pytest.raises(DataError):
        draw_clip(tmp_path / "a.mp4", [Person(7, parse_timeline("neutral:1"))], head=head, fps=0)
    assert list(tmp_path.iterdir()) == []
