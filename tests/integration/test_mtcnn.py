"""MTCNN with its published weights: five people, the drawn clips' points, and what the hip-fracture protocol makes of them."""

import json

import cv2
import numpy as np
import pytest
import simplejpeg

from tests.face_models import fetched
from tests.integration.test_face_chain import GOLDEN, clip, frames, picture
from tests.shared_data import shared
from wince.domain.face import Face
from wince.domain.frame import US, Frame
from wince.domain.reason import Reason
from wince.errors import Unavailable
from wince.models.fetch import fetch, path
from wince.models.lock import MTCNN_MODELS
from wince.pipeline.detect import align
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import FaceModels
from wince.pipeline.detect.mtcnn import Mtcnn
from wince.pipeline.detect.stage import SourceState, look, step
from wince.protocols.loader import load

HIP, NEONATAL = load("hip-fracture").detect, load("neonatal").detect


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    try:
        fetch(MTCNN_MODELS)
    except Unavailable as error:
        pytest.skip(f"needs MTCNN's weights ({error.message})")
    return Mtcnn(*(path(name) for name in MTCNN_MODELS))


@pytest.fixture(scope="module")
def models(mtcnn: Mtcnn) -> FaceModels:
    """As the protocol hip-fracture has them."""
    del mtcnn
    fetched()
    found = load_face_models(HIP.full_range, detector=HIP.detector)
    assert isinstance(found.detector, Mtcnn)
    return found


def read(name: str) -> np.ndarray:
    return np.ascontiguousarray(cv2.imread(str(shared(name)))[..., ::-1])


@pytest.mark.parametrize("min_face", [20, 40])
def test_of_five_people_five_are_found(mtcnn: Mtcnn, min_face: int) -> None:
    """5 of 5, each nose within 10 px, nothing else."""
    truth = np.array(json.loads(shared("real/truth.json").read_text())["multi_face.jpg"]["noses"])
    found = Mtcnn(*(path(name) for name in MTCNN_MODELS), min_face).find(read("real/multi_face.jpg"))
    noses = np.array([one.points[2] for one in found])
    apart = np.linalg.norm(truth[:, None] - noses[None], axis=2)
    assert sorted(apart.argmin(axis=1).tolist()) == list(range(5)) == list(range(len(found)))
    assert apart.min(axis=1).max() < 10


@pytest.mark.parametrize("name", ["p1_pain", "p2_mixed", "p3_negative"])
def test_the_five_points_are_where_they_were_drawn(mtcnn: Mtcnn, name: str) -> None:
    """On drawn heads 180 px wide: found in (almost) every frame, every point within 10 px on average, the person's own right first."""
    file, rows = clip(name)
    columns = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    apart, looked = [], 0
    for index, _, pixels in frames(file):
        if index % 10:
            continue
        looked += 1
        found = mtcnn.find(pixels)
        if found:
            truth = [[float(rows[index][f"{column}_{axis}"]) for axis in "xy"] for column in columns]
            apart.append(np.linalg.norm(found[0].points - truth, axis=1))
    assert len(apart) >= 0.95 * looked
    assert (np.mean(apart, axis=0) < 10).all()


def test_no_face_no_detection(mtcnn: Mtcnn) -> None:
    """A black picture, noise, and one smaller than a cell."""
    assert mtcnn.find(np.zeros((480, 640, 3), np.uint8)) == []
    assert mtcnn.find(np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)) == []
    assert mtcnn.find(np.zeros((8, 300, 3), np.uint8)) == []


def test_the_same_picture_gives_the_same_numbers(mtcnn: Mtcnn) -> None:
    first = mtcnn.find(picture("pain"))
    mtcnn.find(picture("smile")[:200, :300])
    again = mtcnn.find(picture("pain"))
    assert [one.points.tobytes() for one in first] == [one.points.tobytes() for one in again] != []


# ---------------------------------------------------------------- hip-fracture
@pytest.mark.parametrize("name", ["calm", "pain", "smile", "other"])
@pytest.mark.parametrize("roll", [0, 25])
def test_hip_fracture_s_crop_has_level_eyes_of_one_size(models: FaceModels, mtcnn: Mtcnn, name: str, roll: int) -> None:
    """The crop is cut by the five points of this very frame; looked at again, its eyes are where they should be."""
    pixels = picture(name)
    height, width = pixels.shape[:2]
    pixels = cv2.warpAffine(pixels, cv2.getRotationMatrix2D((width / 2, height / 2), roll, 1), (width, height))
    _, face = look(SourceState(), Frame("x", 0, 0, pixels), models, HIP, None)
    assert face.reason is None
    crop = simplejpeg.decode_jpeg(face.crop)
    assert crop.shape == (224, 224, 3)
    again = mtcnn.find(cv2.copyMakeBorder(crop, 50, 50, 50, 50, cv2.BORDER_CONSTANT))
    right, left = again[0].points[:2] - 50
    assert abs(float(left[1] - right[1])) < 5
    assert float(left[0] - right[0]) == pytest.approx(align.PUPILS, abs=8)
    assert (right + left) / 2 == pytest.approx((112, align.EYES_Y), abs=6)


def test_a_tracked_face_is_cut_by_its_own_points_in_every_frame(models: FaceModels) -> None:
    """Not once a second: the crop of a face that moves 12 px a frame is the same as if it were looked at anew."""
    faces, state = [], SourceState()
    for index in range(4):
        moved = np.roll(picture("calm"), 12 * index, axis=1)
        state, face = look(state, Frame("x", index, index * US // 5, moved), models, HIP, None)
        faces.append(face)
        alone = look(SourceState(), Frame("x", 0, 0, moved), models, HIP, None)[1]
        assert face.crop == alone.crop
    assert {face.reason for face in faces} == {None}


def test_a_face_that_the_detector_does_not_confirm_has_no_number(models: FaceModels) -> None:
    """The mesh still follows it, MTCNN sees none: no crop, no face; when MTCNN sees it again, it is there at once."""

    class Blind:
        seeing = True

        def find(self, pixels: np.ndarray) -> list:
            return models.detector.find(pixels) if self.seeing else []

    blind, state, reasons = Blind(), SourceState(), []
    shut = FaceModels(blind, models.mesh, models.pose)
    for index, seeing in enumerate((True, False, False, True)):
        blind.seeing = seeing
        state, face = look(state, Frame("x", index, index * US // 5, picture("calm")), shut, HIP, None)
        reasons.append(face.reason)
        assert (face.crop == b"") == (not seeing)
    assert reasons == [None, Reason.NONE, Reason.NONE, None]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_face_that_lies_sideways_has_no_number(models: FaceModels, turn: int) -> None:
    """MTCNN fires on turned faces, with its points in wrong places; the mesh's pose, or that nothing is sure, keeps them out."""
    for name in ("calm", "pain", "smile", "other"):
        pixels = np.ascontiguousarray(np.rot90(picture(name), turn))
        _, face = look(SourceState(), Frame("x", 0, 0, pixels), models, HIP, None)
        assert face.reason in {Reason.NONE, Reason.TURNED, Reason.UPSIDE_DOWN}
        assert face.crop == b""


def test_the_group_is_not_chosen_from(models: FaceModels) -> None:
    _, (face,) = step(SourceState(), [Frame("x", 0, 0, read("real/multi_face.jpg"))], 0, models, cuts({"": HIP}))
    assert isinstance(face, Face)
    assert (face.reason, face.seen, face.crop) == (Reason.SEVERAL, 5, b"")


def test_neonatal_s_crop_is_padded(models: FaceModels) -> None:
    """The whole face, not bent, black beside it."""
    _, face = look(SourceState(), Frame("x", 0, 0, picture("calm")), models, NEONATAL, None)
    assert face.reason is None
    crop = simplejpeg.decode_jpeg(face.crop)
    assert crop.shape == (224, 224, 3)
    assert face.box is not None
    width, height = face.box[2:] - face.box[:2]
    dark = np.flatnonzero(crop.max(axis=(0, 2)) < 24)
    assert len(dark) == pytest.approx(224 * (1 - width / height), abs=12)
    assert GOLDEN.is_dir()
