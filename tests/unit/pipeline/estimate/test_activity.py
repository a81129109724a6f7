"""The first scorer's arithmetic and port: what is not measured is NaN, no change reads 0, what is odd is less sure."""

import json
from pathlib import Path

import numpy as np
import pytest

from wince.domain.estimate import UNITS
from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.errors import ModelFileError
from wince.models import activity
from wince.models.lock import find, set_id
from wince.pipeline.estimate.activity import MODELS, ActivityScorer
from wince.pipeline.estimate.blendshapes import NAMES
from wince.pipeline.grade.activity_personal import ActivityPersonal

K = len(activity.CHANNELS)


@pytest.fixture(scope="module")
def model() -> activity.ActivityModel:
    return activity.load()


def points(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(0, 40, (478, 3)) + np.array((320, 240, 0))).astype(np.float32)


class Shapes:
    """Blendshapes that answer a fixed vector."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def read(self, landmarks: np.ndarray) -> np.ndarray:
        return self.values


def face(landmarks: np.ndarray | None) -> Face:
    return Face("cam", 0, 0, (640, 480), None, 1, None, landmarks, None, None, None, b"")


def test_channels_do_not_depend_on_where_how_large_or_how_turned_the_face_is():
    columns, shapes = activity.shape_columns(NAMES), np.linspace(0, 1, 52, dtype=np.float32)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    here = activity.embed(points(), shapes, columns)
    there = activity.embed((2.5 * points() @ turn + (9, -4, 7)).astype(np.float32), shapes, columns)
    np.testing.assert_allclose(here, there, rtol=1e-4)


def test_shapes_are_averaged_left_and_right_and_read_by_name():
    shapes = np.zeros(52, np.float32)
    shapes[NAMES.index("browDownLeft")], shapes[NAMES.index("browDownRight")], shapes[NAMES.index("jawOpen")] = 0.2, 0.6, 0.9
    channels = dict(zip(activity.CHANNELS, activity.embed(points(), shapes, activity.shape_columns(NAMES)), strict=True))
    assert (channels["browDown"], channels["jawOpen"], channels["eyeBlink"]) == (pytest.approx(0.4), pytest.approx(0.9), 0)


def test_cheek_raise_and_nose_wrinkle_are_not_measured_never_zero(model: activity.ActivityModel):
    for reading in (*model.free.read(np.zeros((2, K))), *model.personal.read(np.zeros((2, K)))):
        measured = dict(zip(UNITS, reading.units, strict=True))
        assert np.isnan([measured["au6"], measured["au9"]]).all()
        assert np.isfinite([measured[unit] for unit in ("au4", "au7", "au10", "au43")]).all()


def test_the_own_calm_face_reads_exactly_zero_and_is_sure():
    calm = np.random.default_rng(2).normal(size=K).astype(np.float32)
    (reading,) = ActivityPersonal().read(calm[None], calm)
    assert (reading.score, reading.smile) == (0.0, 0.0)
    assert reading.confidence > 0.9


def test_whatever_the_input_numbers_keep_their_ranges(model: activity.ActivityModel):
    rng = np.random.default_rng(3)
    for linear in (model.free, model.personal):
        for reading in linear.read(rng.normal(0, 1, (200, K)) * 10.0 ** rng.uniform(-3, 6, (200, 1))):
            assert 0 <= reading.score <= 16
            assert 0 <= reading.confidence <= 1
            assert 0 <= reading.smile <= 1
            units = reading.units[np.isfinite(reading.units)]
            assert len(units) == (4 if reading.smile < activity.SMILING else 3)
            assert ((units >= 0) & (units <= 5)).all()
            assert reading.units[-1] <= 1


def test_a_face_unlike_all_training_faces_is_not_sure(model: activity.ActivityModel):
    for linear in (model.free, model.personal):
        near, far, farther = linear.confidence(linear.mean + np.array([[0.5], [5.0], [50.0]]) * linear.spread)
        assert near > 0.8
        assert far < 0.2
        assert farther < far


def test_a_smile_is_seen_by_the_channel_even_where_the_fit_does_not_see_it(model: activity.ActivityModel):
    channels = model.free.mean.copy()
    before = model.free.read(channels[None])[0].smile
    channels[activity.SHAPES.index("mouthSmile")] = 0.9
    reading = model.free.read(channels[None])[0]
    assert reading.smile > max(activity.SMILING, before)
    assert np.isnan(reading.units[UNITS.index("au10")])


def test_the_scorer_gives_one_score_per_face_with_the_embedding(model: activity.ActivityModel):
    scorer = ActivityScorer(Shapes(np.full(52, 0.1, np.float32)), model)
    first, missing, odd, second = scorer.score([face(points(0)), face(None), face(np.full((478, 3), np.nan, np.float32)), face(points(1))])
    assert (missing.reason, odd.reason) == (Reason.UNCERTAIN, Reason.UNCERTAIN)
    assert missing.reading is None is odd.reading
    assert first.embedding.shape == second.embedding.shape == (K,)
    assert first.embedding.dtype == np.float32
    assert first.reading.score == pytest.approx(model.free.read(first.embedding[None].astype(float))[0].score)
    assert scorer.score([]) == []


def test_the_model_set_names_every_file_and_the_weights(model: activity.ActivityModel):
    scorer = ActivityScorer(Shapes(np.zeros(52, np.float32)), model)
    assert scorer.model_set == set_id([*(find(name).sha256 for name in MODELS), model.sha256])
    other = activity.ActivityModel(model.free, model.personal, "0" * 64)
    assert ActivityScorer(Shapes(np.zeros(52, np.float32)), other).model_set != scorer.model_set
    assert ActivityPersonal(other).model_set != ActivityPersonal(model).model_set


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["free"].pop("mean"),
        lambda content: content["channels"].pop(),
        lambda content: content["personal"]["spread"].append(1.0),
        lambda content: content["free"]["weights.score"].__setitem__(0, float("nan")),
        lambda content: content.update(free=3),
    ],
)
def test_a_spoilt_weights_file_is_refused_by_name(tmp_path: Path, spoil):
    content = json.loads(activity.FILE.read_text())
    spoil(content)
    file = tmp_path / "activity.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ModelFileError) as error:
        activity.load(file)
    assert error.value.field == "activity.json"


def test_an_absent_weights_file_is_refused(tmp_path: Path):
    with pytest.raises(ModelFileError):
        activity.load(tmp_path / "absent.json")


def test_the_held_out_figures_stand_beside_the_weights():
    """What the file claims of itself: no negative's 95th percentile reaches the cut, and the own calm face helps."""
    content = json.loads(activity.FILE.read_text())
    free, personal = content["free"]["held_out"], content["personal"]["held_out"]
    negatives = ("neutral_p95", "smile_p95", "speech_p95", "yawn_p95", "surprise_p95", "sleep_p95", "blink_p95")
    assert max(free[name] for name in negatives) < 3
    assert max(personal[name] for name in negatives) < 2.5
    assert personal["score_mae"] < free["score_mae"] < 1
