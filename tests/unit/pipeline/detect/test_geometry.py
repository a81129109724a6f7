"""Regions and head pose."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.face_models import fetched
from tests.unit.pipeline.detect.fakes import Someone, landmarks
from wince.errors import ModelFileError
from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.pipeline.detect import geometry
from wince.pipeline.detect.align import EYES, EYES_Y, SIZE, aligned, encode, eye_distance
from wince.pipeline.detect.geometry import HeadPose, drifted, extent, region_affine, region_from_landmarks
from wince.pipeline.detect.interface import Region


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def a_face() -> CanonicalFace:
    points = np.random.default_rng(1).normal(size=(468, 3))
    return CanonicalFace(points, np.array([4, 33, 263, 152, 10, 61]), np.array([0.1, 0.3, 0.3, 0.1, 0.1, 0.1]))


@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-179, 179), st.floats(2, 50))
def test_pose_is_found_whatever_the_place_and_size(yaw: float, pitch: float, roll: float, scale: float) -> None:
    face = a_face()
    seen = scale * face.points @ rotation(yaw, pitch, roll).T + (300, -200, 5)
    mesh = np.vstack([seen * (1, -1, -1), np.zeros((10, 3))]).astype(np.float32)
    fit = HeadPose(face).solve(mesh)
    assert fit.pose.yaw == pytest.approx(yaw, abs=0.1)
    assert fit.pose.pitch == pytest.approx(pitch, abs=0.1)
    assert math.remainder(fit.pose.roll - roll, 360) == pytest.approx(0, abs=0.1)
    assert fit.residual < 1e-3


def test_what_is_no_face_leaves_a_residual() -> None:
    noise = np.random.default_rng(2).normal(size=(478, 3)).astype(np.float32)
    assert HeadPose(a_face()).solve(noise).residual > 0.1


def test_the_canonical_face_is_read_from_the_locked_file() -> None:
    fetched()
    face = CanonicalFace.parse(path("face_geometry").read_bytes())
    assert face.points.shape == (468, 3)
    assert len(face.index) == 33
    eyes = face.points[geometry.LEFT_EYE_OUTER] - face.points[geometry.RIGHT_EYE_OUTER]
    assert 7 < np.linalg.norm(eyes) < 11  # centimetres
    assert eyes[0] > 0


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\xff" * 40, b"\x0a\x02\x08\x01"])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelFileError) as caught:
        CanonicalFace.parse(data)
    assert caught.value.field == "face_geometry"


@given(st.floats(-170, 170), st.floats(30, 200))
def test_a_region_is_level_with_the_eyes_and_half_again_as_large(roll: float, side: float) -> None:
    region = region_from_landmarks(landmarks(Someone(150, 120, side, roll=roll)))
    assert math.degrees(math.remainder(region.angle - math.radians(roll), 2 * math.pi)) == pytest.approx(0, abs=0.1)
    assert (region.centre_x, region.centre_y) == (pytest.approx(150, abs=0.5), pytest.approx(120, abs=0.5))
    assert region.side == pytest.approx(1.5 * side, rel=0.01)


def test_the_affine_puts_the_middle_of_the_crop_on_the_middle_of_the_region() -> None:
    affine = region_affine(Region(40, 70, 512, 0.3), 256)
    assert affine @ (128, 128, 1) == pytest.approx((40, 70))
    corner = affine @ (0, 128, 1)
    assert math.hypot(corner[0] - 40, corner[1] - 70) == pytest.approx(256)


def test_a_region_has_drifted_when_it_is_a_tenth_beside() -> None:
    region = Region(100, 100, 100, 0)
    assert not drifted(region, Region(105, 105, 105, 0.1))
    assert drifted(region, Region(112, 100, 100, 0))
    assert drifted(region, Region(100, 100, 130, 0))
    assert drifted(region, Region(100, 100, 100, 0.3))
    assert not drifted(Region(100, 100, 100, math.pi), Region(100, 100, 100, -math.pi))


@pytest.mark.parametrize("roll", [0, 40, 180])
def test_the_crop_has_the_eyes_level_and_where_they_belong(roll: float) -> None:
    points = landmarks(Someone(200, 150, 100, roll=roll))
    picture = np.zeros((300, 400, 3), np.uint8)
    for index, colour in ((geometry.RIGHT_EYE_OUTER, 0), (geometry.LEFT_EYE_OUTER, 1)):
        x, y = np.round(points[index, :2]).astype(int)
        picture[y - 2 : y + 3, x - 2 : x + 3, colour] = 255
    crop = aligned(picture, points)
    for colour, x in ((0, SIZE / 2 - EYES / 2), (1, SIZE / 2 + EYES / 2)):
        where = np.argwhere(crop[..., colour] > 128).mean(axis=0)
        assert where == pytest.approx((EYES_Y, x), abs=2)
    assert eye_distance(points) == pytest.approx(60, rel=0.01)
    assert encode(crop) == encode(crop)


def test_the_extent_is_that_of_numpy_down_the_columns() -> None:
    xy = np.random.default_rng(2).normal(0, 300, (478, 3)).astype(np.float32)[:, :2]
    low, high = extent(xy)
    assert (low == xy.min(axis=0)).all()
    assert (high == xy.max(axis=0)).all()
    xy[7, 1] = np.nan
    assert np.isnan(np.array(extent(xy))).tolist() == [[False, True], [False, True]]
