"""The default scorer's port and reading: every member answers, what was not measured is NaN, what is odd is less sure."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from wince.domain.estimate import UNITS
from wince.domain.face import Face
from wince.domain.reason import Reason
from wince.errors import ModelFileError
from wince.models import activity
from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.models.lock import find, set_id
from wince.pipeline.estimate.activity import MODELS, ActivityScorer
from wince.pipeline.estimate.activity_inputs import POINTS, inputs, upright
from wince.pipeline.estimate.blendshapes import NAMES
from wince.pipeline.grade.activity_personal import ActivityPersonal


@pytest.fixture(scope="module")
def ensemble() -> activity.Ensemble:
    return activity.load()


@pytest.fixture(scope="module")
def canonical() -> CanonicalFace:
    return CanonicalFace.parse(path("face_geometry").read_bytes())


def points(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(0, 40, (478, 3)) + np.array((320, 240, 0))).astype(np.float32)


def maps(ensemble: activity.Ensemble, seed: int = 0, by: float = 0.5) -> np.ndarray:
    """An inner map `by` standard deviations from the mean training face."""
    mean, spread = (v[:, None, None] for v in (ensemble.familiar.mean, ensemble.familiar.spread))
    rng = np.random.default_rng(seed)
    return (mean + by * spread * rng.normal(size=(128, 1, 1)) + 0.1 * rng.normal(size=(128, 8, 8))).astype(np.float16)


class Shapes:
    """Blendshapes that answer a fixed vector."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def read(self, landmarks: np.ndarray) -> np.ndarray:
        return self.values


def grey(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64)).astype(np.uint8)


GREY = grey()


def face(landmarks: np.ndarray | None, features: np.ndarray | None, small: np.ndarray | None = GREY) -> Face:
    return Face("cam", 0, 0, (640, 480), None, 1, None, landmarks, None, None, features, b"", small)


def scorer(ensemble: activity.Ensemble, canonical: CanonicalFace, shapes: float = 0.1) -> ActivityScorer:
    return ActivityScorer(Shapes(np.full(52, shapes, np.float32)), canonical, ensemble)


def test_points_do_not_depend_on_where_how_large_or_how_turned_the_face_is(canonical: CanonicalFace):
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    here, _ = upright(canonical, points()[None])
    there, _ = upright(canonical, (2.5 * points() @ turn + (9, -4, 7)).astype(np.float32)[None])
    np.testing.assert_allclose(here, there, atol=1e-3)


def test_inputs_have_the_members_shapes_and_the_smile_of_both_corners(canonical: CanonicalFace):
    shapes = np.zeros((2, 52), np.float32)
    shapes[1, NAMES.index("mouthSmileLeft")], shapes[1, NAMES.index("mouthSmileRight")] = 0.4, 0.8
    both, maps = np.stack([points(0), points(1)]), np.zeros((2, 128, 8, 8), np.float16)
    x, smile = inputs(canonical, both, shapes, maps, np.stack([grey(0), grey(1)]))
    assert {kind: rows.shape[1:] for kind, rows in x.items()} == activity.KINDS
    assert len(POINTS) == 136
    np.testing.assert_allclose(smile, [0, 0.6], atol=1e-6)


def test_one_score_per_face_in_order_and_a_reason_where_something_lacks(ensemble: activity.Ensemble, canonical: CanonicalFace):
    one, other = maps(ensemble, 1), maps(ensemble, 2)
    odd = np.full((478, 3), np.nan, np.float32)
    lacking = [face(None, one), face(points(0), None), face(odd, one), face(points(0), one, None)]
    asked = [face(points(0), one), *lacking, face(points(1), other)]
    first, *missing, last = scorer(ensemble, canonical).score(asked)
    assert [(score.reading, score.reason) for score in missing] == [(None, Reason.UNCERTAIN)] * 4
    assert first.embedding.shape == last.embedding.shape == (ensemble.width,)
    assert first.embedding.dtype == np.float32
    (alone,) = scorer(ensemble, canonical).score([asked[-1]])
    assert alone.reading.score == pytest.approx(last.reading.score, abs=1e-3)
    np.testing.assert_allclose(alone.embedding, last.embedding, atol=1e-4)
    assert scorer(ensemble, canonical).score([]) == []


def test_whatever_the_input_numbers_keep_their_ranges_and_unmeasured_units_are_nan(ensemble: activity.Ensemble, canonical: CanonicalFace):
    rng = np.random.default_rng(3)
    faces = [face(points(n) * 10.0 ** rng.uniform(-2, 3), maps(ensemble, n, 10.0 ** rng.uniform(-1, 2))) for n in range(40)]
    scores = scorer(ensemble, canonical).score(faces)
    embeddings = np.stack([score.embedding for score in scores])
    own = ActivityPersonal(ensemble).read(embeddings, embeddings[0])
    for reading in (*(score.reading for score in scores), *own):
        assert 0 <= reading.score <= 16
        assert 0 <= reading.confidence <= 1
        assert 0 <= reading.smile <= 1
        measured = dict(zip(UNITS, reading.units, strict=True))
        assert {unit for unit, value in measured.items() if np.isfinite(value)} == set(ensemble.card["measured"])
        assert all(0 <= value <= (1 if unit == "au43" else 5) for unit, value in measured.items() if np.isfinite(value))


def test_a_face_unlike_all_training_faces_is_not_sure(ensemble: activity.Ensemble, canonical: CanonicalFace):
    near, far, farther = (
        scorer(ensemble, canonical).score([face(points(), maps(ensemble, 5, by))])[0].reading.confidence for by in (0.5, 8.0, 60.0)
    )
    assert near > far > farther
    assert farther < 0.05


def test_doubt_beyond_the_held_out_faces_and_doubt_that_is_no_number_end_confidence(ensemble: activity.Ensemble):
    table = ensemble.confidence["free"]
    at = table.of(np.array([table.spread[0], table.spread[-1], 4 * table.spread[-1], np.nan], np.float32))
    assert at[0] >= at[1] > 10 * at[2] > 0
    assert at[3] == 0
    assert (np.diff(table.share) <= 0).all()


def test_members_that_disagree_raise_the_doubt():
    same, apart = np.full((1, 14), 0.5, np.float32), [np.full((1, 14), v, np.float32) for v in (0.2, 0.8)]
    little = [np.full((1, 14), 1e-4, np.float32)] * 2
    agreed, fought = activity.fused([same, same], little), activity.fused(apart, little)
    np.testing.assert_allclose(agreed.mean, fought.mean, rtol=1e-5)
    np.testing.assert_allclose(agreed.spread, 0.01 * activity.SCALES[None], rtol=1e-4)
    assert (fought.spread > 10 * agreed.spread).all()


def test_a_member_with_all_the_weight_of_an_output_decides_it():
    one, other = (np.full((1, 14), v, np.float32) for v in (0.2, 0.8))
    weights = np.ones((2, 14), np.float32)
    weights[:, 3] = (1e-6, 2)
    said = activity.fused([one, other], [np.full((1, 14), 1e-4, np.float32)] * 2, weights).mean / activity.SCALES
    np.testing.assert_allclose(said[0, [0, 3]], [0.5, 0.8], atol=1e-4)


def test_a_card_with_weights_that_are_none_is_refused(tmp_path: Path):
    for table in ({}, {"maps1": [1.0] * 13}, {name: [0.0] * 14 for name in activity.load().members}):
        folder = tmp_path / "changed"
        shutil.copytree(activity.FOLDER, folder, dirs_exist_ok=True)
        card = json.loads((folder / activity.CARD).read_text())
        (folder / activity.CARD).write_text(json.dumps(card | {"weights": table}))
        with pytest.raises(ModelFileError, match="weights"):
            activity.Ensemble(folder)


def test_a_smile_is_seen_by_the_channel_even_where_the_nets_do_not_see_it(ensemble: activity.Ensemble, canonical: CanonicalFace):
    x, _ = inputs(canonical, points()[None], np.zeros((1, 52), np.float32), maps(ensemble)[None], grey()[None])
    readings = []
    for channel in (0.0, 0.9):
        opinion, embeddings = ensemble.free(x, np.array([channel], np.float32))
        readings += [*ensemble.readings(opinion, embeddings, personal=False), *ActivityPersonal(ensemble).read(embeddings, embeddings[0])]
    for before, after in zip(readings[:2], readings[2:], strict=True):
        assert after.smile == pytest.approx(before.smile + 0.45, abs=1e-3)
        assert after.score == pytest.approx(before.score, abs=1e-3)


def test_only_faces_at_rest_teach_the_calm_face(ensemble: activity.Ensemble):
    rows = np.zeros((2, ensemble.width), np.float32)
    rows[:, -1] = (1, 0)
    assert ActivityPersonal(ensemble).at_rest(rows).tolist() == [True, False]


@pytest.mark.parametrize("unit", activity.REST)
def test_closed_eyes_a_smile_and_an_open_mouth_are_no_rest(unit: str):
    limit, column = activity.REST[unit], activity.OUTPUTS.index(unit)
    mean = np.zeros((2, len(activity.OUTPUTS)), np.float32)
    mean[:, column] = (limit - 0.01, limit + 0.01)
    assert activity._resting(activity.Opinion(mean, mean)).tolist() == [1, 0]


def test_an_embedding_of_another_ensemble_is_named_and_no_native_crash(ensemble: activity.Ensemble):
    rows = np.zeros((2, ensemble.width - 48), np.float32)
    with pytest.raises(ModelFileError, match="another ensemble"):
        ActivityPersonal(ensemble).read(rows, rows[0])


def test_threads_may_share_the_ensemble(ensemble: activity.Ensemble):
    rows = np.random.default_rng(4).normal(0, 0.5, (60, ensemble.width)).astype(np.float32)
    personal = ActivityPersonal(ensemble)
    alone = [reading.score for reading in personal.read(rows, rows[0])]
    heard: list[list[float]] = []

    def work() -> None:
        heard.extend([reading.score for reading in personal.read(rows, rows[0])] for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(heard) == 80
    np.testing.assert_allclose(heard, [alone] * 80, atol=1e-3)


def test_the_model_set_names_every_file_and_the_ensemble(ensemble: activity.Ensemble, canonical: CanonicalFace):
    mine = scorer(ensemble, canonical)
    assert mine.model_set == set_id([*(find(name).sha256 for name in MODELS), ensemble.sha256])
    assert ActivityPersonal(ensemble).model_set == set_id([ensemble.sha256])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(activity.FOLDER, tmp_path / "ensemble"))


def change_card(folder: Path, **changed: object) -> None:
    file = folder / activity.CARD
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))


def a_member(folder: Path) -> Path:
    return sorted(folder.glob("*_personal.onnx"))[0]


@pytest.mark.parametrize(
    ("spoil", "field", "says"),
    [
        (lambda folder: (folder / activity.CARD).unlink(), activity.CARD, "can't be read"),
        (lambda folder: (folder / activity.CARD).write_text("{"), activity.CARD, "can't be read"),
        (lambda folder: change_card(folder, members={"a": "ears"}), activity.CARD, "can't be read"),
        (lambda folder: change_card(folder, version=1), activity.CARD, "version 1"),
        (lambda folder: change_card(folder, outputs=["score"]), activity.CARD, "version"),
        (
            lambda folder: change_card(folder, confidence={"free": {"spread": [1, 0], "share": [1, 1]}, "personal": {}}),
            activity.CARD, "confidence",
        ),
        (lambda folder: change_card(folder, familiar={"mean": [0], "spread": [1], "far": 1}), activity.CARD, "familiar"),
    ],
)  # fmt: skip
def test_a_spoilt_card_is_refused_by_name(folder: Path, spoil, field: str, says: str):
    activity.Ensemble(folder)
    spoil(folder)
    with pytest.raises(ModelFileError, match=says) as error:
        activity.Ensemble(folder)
    assert error.value.field == field


def test_a_missing_a_changed_and_another_ensembles_member_are_refused_by_name(folder: Path):
    member = a_member(folder)
    whole = member.read_bytes()
    member.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ModelFileError, match="changed, or of another ensemble") as error:
        activity.Ensemble(folder)
    assert error.value.field == member.name
    member.write_bytes(sorted(folder.glob("*_personal.onnx"))[1].read_bytes())
    with pytest.raises(ModelFileError, match="another ensemble"):
        activity.Ensemble(folder)
    member.unlink()
    with pytest.raises(ModelFileError, match="is missing") as error:
        activity.Ensemble(folder)
    assert error.value.field == member.name


def test_the_installed_ensemble_is_small_and_says_what_it_is(ensemble: activity.Ensemble):
    assert sum(file.stat().st_size for file in activity.FOLDER.iterdir()) < 12e6
    assert "clinical" in ensemble.card["not"]
    assert "MIT" in ensemble.card["licence"]
    assert {"seeds", "train_persons", "validation_pspi_mae", "corpus_version"} <= set(ensemble.card)
    for free, own in ensemble.card["validation_pspi_mae"].values():
        assert own < free < 2


def test_an_answer_stays_when_the_next_face_is_asked_about(ensemble: activity.Ensemble) -> None:
    """The nets' memory is used again for every face; what was given is not."""
    rng = np.random.default_rng(7)
    x = {kind: rng.standard_normal((3, *shape)).astype(np.float32) for kind, shape in activity.KINDS.items()}
    whole = ensemble.answers(x)
    before = [part.copy() for parts in whole for part in parts]
    alone = [ensemble.answers({kind: values[row : row + 1] for kind, values in x.items()}) for row in (2, 0, 1)]
    for at, (row, said) in enumerate(zip((2, 0, 1), alone, strict=True)):
        assert [len(parts) for parts in said] == [len(ensemble.members)] * 3, at
        for parts, ones in zip(whole, said, strict=True):
            assert all((one[0] == part[row]).all() for part, one in zip(parts, ones, strict=True))
    assert all((part == was).all() for part, was in zip((part for parts in whole for part in parts), before, strict=True))
