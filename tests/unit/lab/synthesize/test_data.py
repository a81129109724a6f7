"""What a person does and what the truth says of it: expressions, timelines, tracks, the head file's errors. Draws nothing."""

import numpy as np
import pytest

from tests.shared_data import shared
from wince.errors import DataError
from wince.lab.synthesize.expression import NEGATIVES, Step, parse_timeline, pspi
from wince.lab.synthesize.head import Head, load_head
from wince.lab.synthesize.person import Actor, Occluder, Person, parse_track, track_at
from wince.lab.synthesize.scene import Scene


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head(shared("head/ict_head.npz"))


def test_a_timeline_is_read_with_levels_and_defaults():
    assert parse_timeline("neutral:4, pain13.5:3,pain:1,smile.5:2") == (
        Step("neutral", 4.0),
        Step("pain", 3.0, 13.5),
        Step("pain", 1.0, 12.0),
        Step("smile", 2.0, 0.5),
    )


BAD_TIMELINES = ["", "pain", "grin:3", "pain17:2", "smile2:2", "neutral:0", "neutral:9999", "pain12:5;smile:2", "neutral:-1"]


@pytest.mark.parametrize("text", BAD_TIMELINES)
def test_a_bad_timeline_is_refused_by_name(text: str):
    with pytest.raises(DataError) as error:
        parse_timeline(text)
    assert error.value.field == "timeline"
    assert error.value.remedy


def test_keyframes_run_linearly_and_must_rise():
    assert track_at(parse_track("0:0,4:8"), 1) == 2
    assert track_at(parse_track("-3.5"), 99) == -3.5
    for bad in ("a", "0:0,0:1", "3:1,2:0", "1:2:3"):
        with pytest.raises(DataError):
            parse_track(bad)


@pytest.mark.parametrize(
    "arguments",
    [{"tone": 0}, {"tone": 7}, {"age": 1.5}, {"steps": ()}, {"occluder": Occluder("hat")}],
)
def test_an_impossible_person_is_refused(arguments: dict):
    with pytest.raises(DataError):
        Person(**({"seed": 1, "steps": parse_timeline("neutral:1")} | arguments))


@pytest.mark.parametrize("arguments", [{"size": (641, 480)}, {"size": (8, 8)}, {"size": (9000, 480)}, {"background": "beach"}])
def test_an_impossible_scene_is_refused(arguments: dict):
    with pytest.raises(DataError):
        Scene(**arguments)


def test_pspi_takes_the_larger_of_each_pair_and_closed_eyes():
    assert pspi({"au4": 2.0, "au6": 1.0, "au7": 3.0, "au9": 0.5, "au10": 0.25, "au43": 0.5}) == 6.5
    assert pspi({"au43": 0.49}) == 0
    assert pspi({"au45": 1.0}) == 0


def test_the_head_is_named_or_an_error_says_how(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WINCE_HEAD_DATA", raising=False)
    with pytest.raises(DataError, match="no head data") as error:
        load_head()
    assert "WINCE_HEAD_DATA" in error.value.remedy


def test_a_wrong_head_file_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch):
    absent, text, other = tmp_path / "absent.npz", tmp_path / "text.npz", tmp_path / "other.npz"
    text.write_text("not an archive")
    np.savez(other, neutral=np.zeros((4, 2)))
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, neutral=np.array([{}], dtype=object))
    for path in (absent, text, other, pickled):
        monkeypatch.setenv("WINCE_HEAD_DATA", str(path))
        with pytest.raises(DataError) as error:
            load_head()
        assert error.value.field == "--head"


def test_a_head_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("wince.lab.synthesize.head.LARGEST_FILE", 2**20)
    bomb = tmp_path / "bomb.npz"
    np.savez_compressed(bomb, neutral=np.zeros((2**20, 3), np.float32))
    assert bomb.stat().st_size < 2**20
    with pytest.raises(DataError, match="unpacks"):
        load_head(bomb)


DAMAGED = [("landmarks68", np.full(68, 60000, np.uint16)), ("neutral", np.full((26719, 3), np.nan, np.float32))]


@pytest.mark.parametrize(("array", "value"), DAMAGED)
def test_a_head_with_a_damaged_array_is_refused_by_the_arrays_name(tmp_path, array: str, value):
    with np.load(shared("head/ict_head.npz")) as pack:
        arrays = {name: pack[name] for name in pack.files}
    arrays[array] = value
    np.savez(tmp_path / "damaged.npz", **arrays)
    with pytest.raises(DataError, match="array"):
        load_head(tmp_path / "damaged.npz")


@pytest.mark.parametrize("level", [0, 1, 4, 9, 9.5, 13, 16])
def test_pain_sums_to_the_level_asked_for(head: Head, level: float):
    for seed in range(5):
        actor = Actor(Person(seed, (Step("pain", 5, level),)), head)
        weights = actor.moment(2.0).weights
        assert pspi(weights) == pytest.approx(level, abs=1e-6)
        assert all(0 <= weights[unit] <= 5 for unit in ("au4", "au6", "au7", "au9", "au10"))


def test_no_negative_ever_has_a_pain_level(head: Head):
    for name in NEGATIVES:
        actor = Actor(Person(3, (Step("neutral", 1), Step(name, 3), Step("neutral", 1))), head)
        assert all(actor.moment(t).pain_level == 0 for t in np.arange(0, 5, 0.1))


def test_same_seed_same_face_and_another_seed_another(head: Head):
    steps = parse_timeline("pain12:2")
    first, again, other = (Actor(Person(seed, steps), head) for seed in (5, 5, 6))
    w = first.moment(1.0).weights
    assert np.array_equal(first.vertices(w), again.vertices(again.moment(1.0).weights))
    assert not np.array_equal(first.base, other.base)


def test_an_expression_passes_into_the_next_within_the_ramp(head: Head):
    actor = Actor(Person(3, parse_timeline("neutral:2,pain8:3")), head)
    levels = [actor.moment(t).pain_level for t in (1.9, 2.0, 2.3, 2.6)]
    assert levels[0] == levels[1] == 0
    assert 0 < levels[2] < 8
    assert levels[3] == 8
