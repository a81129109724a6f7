"""Anchors, NMS, turned searches, smoothing, the occlusion probe, quality."""

import cv2
import numpy as np
import pytest

from tests.unit.pipeline.detect.fakes import Script, Someone, landmarks
from wince.domain.face import Pose, Quality
from wince.domain.reason import Reason
from wince.pipeline.detect import blazeface, occlusion, quality, search
from wince.pipeline.detect.interface import Detection, FaceModels
from wince.pipeline.detect.smoothing import smooth
from wince.protocols.rules import DetectLimits


def test_anchors_are_laid_out_row_by_row() -> None:
    full = blazeface.anchors(blazeface.FULL_RANGE)
    assert full.shape == (2304, 2)
    assert full[1] == pytest.approx((1.5 / 48, 0.5 / 48))
    short = blazeface.anchors(blazeface.SHORT_RANGE)
    assert short.shape == (896, 2)
    assert (short[0] == short[1]).all()
    assert short[512] == pytest.approx((0.5 / 8, 0.5 / 8))


def test_nms_averages_a_cluster_by_score_and_leaves_others() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 12], [50, 50, 60, 60]], np.float32)
    points = np.arange(36, dtype=np.float32).reshape(3, 6, 2)
    found = blazeface.weighted_nms(boxes, points, np.array([0.9, 0.6, 0.7], np.float32))
    assert [d.score for d in found] == pytest.approx([0.9, 0.7])
    assert found[0].box == pytest.approx([0, 0, 10, 10 * 0.6 + 12 * 0.4])
    assert found[0].points == pytest.approx(points[0] * 0.6 + points[1] * 0.4)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_what_is_found_in_a_turned_picture_is_given_in_the_picture_as_it_is(quarters: int) -> None:
    picture = np.zeros((30, 50, 3), np.uint8)
    picture[4:8, 10:16] = 255  # x 10-16, y 4-8

    class Bright:
        def find(self, pixels: np.ndarray) -> list[Detection]:
            ys, xs = np.nonzero(pixels[..., 0])
            box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
            return [Detection(box, np.array([box[:2], box[2:]]), 1.0)]

    script = Script([])
    found = search.turned_find(FaceModels(Bright(), script, script), picture, quarters)[0]
    assert found.box.tolist() == [10, 4, 16, 8]
    assert sorted(found.points[:, 0].tolist()) == [10, 16]
    assert sorted(found.points[:, 1].tolist()) == [4, 8]


def test_a_still_face_stops_trembling_and_a_quick_one_is_not_delayed() -> None:
    rng = np.random.default_rng(3)
    base = landmarks(Someone(100))
    state = None
    for i in range(50):
        state = smooth(state, base + rng.normal(0, 0.1, base.shape).astype(np.float32), i * 100_000)
    assert state is not None
    assert np.abs(state.landmarks - base).mean() < 0.04  # of 0.08
    moved = base + 8
    state = smooth(state, moved, 5_000_000)
    assert np.abs(state.landmarks - moved).mean() < 1


def test_smoothing_starts_anew_when_time_does_not_advance() -> None:
    base = landmarks(Someone(100))
    state = smooth(smooth(None, base, 100), base + 5, 100)
    assert (state.landmarks == base + 5).all()


def test_the_probe_is_a_share_and_reads_bands_of_the_map() -> None:
    features = np.zeros((128, 8, 8), np.float16)
    features[5, 2:4, 1:7] = 1
    features[:, :, 0] = 9  # the border is left out
    pooled = occlusion.bands(features)
    assert pooled.shape == (512,)
    assert np.flatnonzero(pooled).tolist() == [5 * 4 + 1]
    assert 0 <= occlusion.covered(features) <= 1


def test_share_outside() -> None:
    assert occlusion.share_outside(landmarks(Someone(200)), (400, 300)) == 0
    assert occlusion.share_outside(landmarks(Someone(0)), (400, 300)) == pytest.approx(0.5, abs=0.05)
    assert occlusion.share_outside(landmarks(Someone(-500)), (400, 300)) == 1


def test_brightness_is_of_the_part_in_the_picture() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, :5] = 100
    assert quality.brightness(picture, np.array([-5, 0, 4, 9], np.float32)) == pytest.approx(100)
    assert quality.brightness(picture, np.array([20, 0, 30, 9], np.float32)) == 0


def test_sharpness_falls_with_blur() -> None:
    crop = np.random.default_rng(4).integers(0, 255, (224, 224, 3)).astype(np.uint8)
    assert quality.sharpness(crop) > 10 * quality.sharpness(cv2.GaussianBlur(crop, (0, 0), 2))


GOOD = {"size_px": 100.0, "brightness": 120.0, "sharpness": 50.0, "occlusion": 0.1, "presence": 1.0}
STRICT = DetectLimits(
    rate_hz=5, min_size_px=40, min_brightness=40, min_sharpness=8, max_yaw=40, max_pitch=35, max_roll=60, max_occlusion=0.5,
    min_presence=0.5, full_range=True, search_every_s=1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("measured", "pose", "reason"),
    [
        ({}, Pose(40, -35, 60), None),
        ({"brightness": 39}, Pose(90, 0, 170), Reason.DARK),
        ({"size_px": 39}, Pose(0, 0, 170), Reason.SMALL),
        ({}, Pose(0, 0, -121), Reason.UPSIDE_DOWN),
        ({}, Pose(0, 0, 90), Reason.TURNED),
        ({}, Pose(-41, 0, 0), Reason.TURNED),
        ({}, Pose(0, 36, 0), Reason.TURNED),
        ({"sharpness": 7, "occlusion": 0.9}, Pose(0, 0, 0), Reason.BLURRED),
        ({"occlusion": 0.6}, Pose(0, 0, 0), Reason.COVERED),
    ],
)
def test_the_first_broken_limit_is_the_reason(measured: dict[str, float], pose: Pose, reason: Reason | None) -> None:
    assert quality.reason(Quality(**(GOOD | measured)), pose, STRICT) is reason
