"""The face chain on pictures: golden against MediaPipe's runtime, then the drawn clips and the real recordings."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.face_models import face_models, fetched
from tests.shared_data import shared
from wince.domain.face import Face
from wince.domain.frame import US, Frame
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.models import openvino_engine
from wince.models.fetch import path
from wince.models.openvino_engine import core
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.detect.interface import FaceModels
from wince.pipeline.detect.patient import Share
from wince.pipeline.detect.stage import SourceState, look, step
from wince.pipeline.estimate.blendshapes import NAMES, Blendshapes
from wince.protocols.rules import DetectLimits

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "faces"
LIMITS = DetectLimits(
    rate_hz=5, min_size_px=40, min_brightness=40, min_sharpness=8, max_yaw=40, max_pitch=35, max_roll=60, max_occlusion=0.5,
    min_presence=0.5, full_range=True, search_every_s=1.0,
)  # fmt: skip
CLEAN = [f"p{person}_{kind}" for person in (1, 2, 3) for kind in ("pain", "mixed", "negative")]
LEFT_HALF: Share = (0.0, 0.0, 0.5, 1.0)


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return face_models()


def picture(name: str) -> np.ndarray:
    read = cv2.imread(str(GOLDEN / f"{name}.png"))
    assert read is not None
    return np.ascontiguousarray(read[..., ::-1])


def frames(file: Path) -> Iterator[tuple[int, float, np.ndarray]]:
    with av.open(str(file)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            yield index, decoded.time, decoded.to_ndarray(format="rgb24")


def detect(models: FaceModels, file: Path, rate_hz: float = 5, region: Share | None = None) -> list[tuple[int, Face]]:
    """(frame number, face), sampled by presentation time."""
    state, due, faces = SourceState(), -1.0, []
    for index, time_s, pixels in frames(file):
        if time_s < due - 1e-3:
            continue
        due = time_s + 1 / rate_hz
        state, face = look(state, Frame("clip", index, round(time_s * US), pixels), models, LIMITS, region)
        faces.append((index, face))
    return faces


def clip(name: str) -> tuple[Path, list[dict[str, str]]]:
    """A drawn clip and the truth of its patient, one row a frame."""
    with shared(f"clips/{name}.csv").open(newline="") as table:
        return shared(f"clips/{name}.mp4"), [row for row in csv.DictReader(table) if row["person"] == "0"]


# ---------------------------------------------------------------- golden: MediaPipe 1.2.2, image mode
@pytest.mark.parametrize("name", ["calm", "pain", "smile", "other"])
def test_points_are_mediapipe_s(name: str) -> None:
    """Same detector, one fit: within half a pixel of a face that is 100 px between the ears; at most 2 px anywhere."""
    short, golden, pixels = face_models(full_range=False), np.load(GOLDEN / "golden.npz"), picture(name)
    mesh = short.mesh.fit(pixels, region_from_detection(short.detector.find(pixels)[0]))
    apart = np.abs(mesh.landmarks - golden[f"{name}_landmarks"])
    assert apart[:, :2].mean() < 0.6
    assert apart[:, :2].max() < 2.0
    assert apart[:, 2].mean() < 0.6
    assert mesh.presence > 0.99


@pytest.mark.parametrize("name", ["calm", "pain", "smile", "other"])
def test_the_road_s_own_search_ends_at_the_same_points(models: FaceModels, name: str) -> None:
    """Full-range detector, region refined once: the same face, within a pixel on average."""
    golden, pixels = np.load(GOLDEN / "golden.npz"), picture(name)
    first = models.mesh.fit(pixels, region_from_detection(models.detector.find(pixels)[0]))
    mesh = models.mesh.fit(pixels, region_from_landmarks(first.landmarks))
    assert np.abs(mesh.landmarks - golden[f"{name}_landmarks"])[:, :2].mean() < 1.2


@pytest.mark.parametrize("name", ["calm", "pain", "smile", "other"])
def test_blendshapes_are_mediapipe_s(models: FaceModels, name: str) -> None:
    golden, blendshapes = np.load(GOLDEN / "golden.npz"), Blendshapes(path("face_blendshapes"))
    assert tuple(golden[f"{name}_names"]) == NAMES
    assert blendshapes.read(golden[f"{name}_landmarks"]) == pytest.approx(golden[f"{name}_blendshapes"], abs=1e-4)


def test_the_inner_map_is_another_one_for_another_face(models: FaceModels) -> None:
    maps = [look(SourceState(), Frame("x", 0, 0, picture(name)), models, LIMITS, None)[1].features for name in ("calm", "pain")]
    assert all(one is not None and one.shape == (128, 8, 8) and one.dtype == np.float16 for one in maps)
    assert float(np.abs(maps[0].astype(np.float32) - maps[1].astype(np.float32)).mean()) > 0.01


def test_the_same_frames_give_the_same_bytes() -> None:
    one, two = (look(SourceState(), Frame("x", 0, 0, picture("pain")), face_models(), LIMITS, None)[1] for _ in range(2))
    assert one.crop == two.crop
    assert (one.landmarks == two.landmarks).all()
    assert (one.features == two.features).all()


# ---------------------------------------------------------------- what a picture may do to a face
@pytest.mark.parametrize(("turn", "reason"), [(0, None), (1, Reason.TURNED), (2, Reason.UPSIDE_DOWN), (3, Reason.TURNED)])
def test_a_turned_picture_is_never_read_as_an_upright_face(models: FaceModels, turn: int, reason: Reason | None) -> None:
    for name in ("calm", "pain", "smile", "other"):
        pixels = np.ascontiguousarray(np.rot90(picture(name), turn))
        _, face = look(SourceState(), Frame("x", 0, 0, pixels), models, LIMITS, None)
        assert face.reason is reason
        assert face.pose is not None
        assert abs((face.pose.roll + 90 * turn + 180) % 360 - 180) < 8


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: cv2.GaussianBlur(p, (0, 0), 4), Reason.BLURRED),
        (lambda p: (p * 0.1).astype(np.uint8), Reason.DARK),
        (lambda p: cv2.copyMakeBorder(p, 0, 540, 0, 720, cv2.BORDER_CONSTANT, value=(90, 90, 90)), None),
        (lambda p: cv2.copyMakeBorder(cv2.resize(p, (200, 150)), 60, 60, 80, 80, cv2.BORDER_REPLICATE), Reason.SMALL),
    ],
)
def test_a_spoilt_picture_gives_its_reason(models: FaceModels, change: object, reason: Reason | None) -> None:
    assert callable(change)
    _, face = look(SourceState(), Frame("x", 0, 0, np.ascontiguousarray(change(picture("calm")))), models, LIMITS, None)
    assert face.reason is reason


# ---------------------------------------------------------------- drawn clips with known truth (never used for fitting)
@pytest.mark.parametrize("name", CLEAN)
def test_clean_clips_are_assessable_with_the_true_pose(models: FaceModels, name: str) -> None:
    file, rows = clip(name)
    faces = detect(models, file)
    assert Counter(face.reason for _, face in faces)[None] >= 0.98 * len(faces)
    poses = [(f.pose.yaw, f.pose.pitch, f.pose.roll) for _, f in faces if f.pose]
    off = np.array(poses) - [[float(rows[i][angle]) for angle in ("yaw", "pitch", "roll")] for i, f in faces if f.pose]
    assert (np.abs(off.mean(axis=0)) < (2, 6, 1)).all()
    assert (off.std(axis=0) < (2, 4, 1)).all()


def test_a_patient_who_leaves_is_none_and_is_scored_again_on_return(models: FaceModels) -> None:
    file, rows = clip("leaves_and_returns")
    faces = detect(models, file)
    there = [f for i, f in faces if rows[i]["visible"] == "1"]
    away = [f for i, f in faces if float(rows[i]["in_frame"]) < 0.4]
    assert Counter(f.reason for f in there)[None] >= 0.98 * len(there)
    assert {f.reason for f in away} == {Reason.NONE}


def test_the_visitor_is_never_scored(models: FaceModels) -> None:
    file, rows = clip("two_faces")
    for region in (LEFT_HALF, None):
        faces = detect(models, file, region=region)
        for index, face in faces:
            if face.reason is None:
                assert face.box is not None
                middle = (face.box[0] + face.box[2]) / 2
                assert float(rows[index]["x0"]) < middle < float(rows[index]["x1"])
        scored = Counter(face.reason for _, face in faces)[None]
        assert scored >= 0.98 * len(faces) if region else scored == 0
    assert {face.seen for _, face in faces} == {1, 2}


def test_in_the_dark_the_light_is_the_reason(models: FaceModels) -> None:
    file, rows = clip("dark")
    for index, face in detect(models, file):
        assert face.reason is (Reason.DARK if float(rows[index]["brightness"]) < 40 else None)


def test_under_the_oxygen_mask_the_face_is_covered(models: FaceModels) -> None:
    file, rows = clip("oxygen_mask")
    for index, face in detect(models, file):
        assert face.reason is (Reason.COVERED if rows[index]["occluder"] == "mask" else None)


def test_a_head_that_lies_sideways_is_turned_in_every_frame(models: FaceModels) -> None:
    file, _ = clip("rotated")
    faces = detect(models, file)
    assert {face.reason for _, face in faces} == {Reason.TURNED}
    assert all(face.pose is not None and abs(face.pose.roll - 90) < 6 for _, face in faces)


# ---------------------------------------------------------------- real recordings
@pytest.mark.parametrize("name", ["face_noface.mov", "noface_face.mov", "no_face.mp4"])
@pytest.mark.parametrize("rate_hz", [5, 100])
def test_a_real_face_is_assessable_while_it_is_there_and_never_when_not(models: FaceModels, name: str, rate_hz: float) -> None:
    truth = json.loads(shared("real/truth.json").read_text())[name]
    visible = {i for part in truth["segments"] if part["faces"] for i in range(*part["frames"])}
    faces = detect(models, shared(f"real/{name}"), rate_hz)
    there = [f.reason for i, f in faces if i in visible]
    assert Counter(there)[None] >= 0.95 * len(there)
    assert {f.reason for i, f in faces if i not in visible} <= {Reason.NONE, Reason.DARK}
    assert all(f.crop == b"" for i, f in faces if i not in visible)


def test_of_five_people_five_are_found_and_none_is_chosen(models: FaceModels) -> None:
    pixels = np.ascontiguousarray(cv2.imread(str(shared("real/multi_face.jpg")))[..., ::-1])
    _, (face,) = step(SourceState(), [Frame("x", 0, 0, pixels)], 0, models, cuts({"": LIMITS}))
    assert isinstance(face, Face)
    assert (face.reason, face.seen, face.box) == (Reason.SEVERAL, 5, None)


def test_a_landscape_has_no_face(models: FaceModels) -> None:
    pixels = np.ascontiguousarray(cv2.imread(str(shared("real/free-mountain-vector-01.jpg")))[..., ::-1])
    _, face = look(SourceState(), Frame("x", 0, 0, pixels), models, LIMITS, None)
    assert (face.reason, face.seen) == (Reason.NONE, 0)


def test_bfloat16_gives_nearly_the_same_points_or_is_refused_by_name() -> None:
    """It is a setting, WINCE_FACE_PRECISION; on 13 drawn clips no grade and no alert was another. f32 stays the default."""
    frame = Frame("x", 0, 0, picture("pain"))
    exact = look(SourceState(), frame, face_models(), LIMITS, None)[1]
    if "BF16" not in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(ConfigError) as caught:
            load_face_models(precision="bf16")
        assert caught.value.field == "WINCE_FACE_PRECISION=bf16"
        return
    rounded = look(SourceState(), frame, load_face_models(precision="bf16"), LIMITS, None)[1]
    assert exact.landmarks is not None
    assert rounded.landmarks is not None
    shift = np.abs(exact.landmarks - rounded.landmarks)[:, :2]
    assert 0 < shift.mean() < 1.0
    assert exact.reason == rounded.reason


def test_a_cpu_without_bfloat16_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What OpenVINO would do silently, or not at all."""
    fetched()
    found = openvino_engine.core()

    class Old:
        def get_property(self, *_: str) -> list[str]:
            return ["FP32"]

        def __getattr__(self, name: str) -> object:
            return getattr(found, name)

    monkeypatch.setattr(openvino_engine, "core", Old)
    with pytest.raises(ConfigError, match="bfloat16"):
        load_face_models(precision="bf16")
