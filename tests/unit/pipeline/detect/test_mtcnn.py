"""MTCNN's parts: the nets against plain numpy, pyramid, squares, suppression, cutting, and the crops made from its points."""

from __future__ import annotations

import doctest
import itertools
import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from wince.errors import ModelFileError
from wince.pipeline.detect import align, mtcnn
from wince.pipeline.detect.mtcnn import cut, pyramid, squared, suppress
from wince.pipeline.detect.mtcnn_nets import SHAPES, o_net, p_net, r_net

Array = NDArray[np.float64]


def weights(name: str) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(len(name) + ord(name[6]))
    return [(rng.normal(size=shape) / math.sqrt(max(1, math.prod(shape[:-1])))).astype(np.float32) for shape in SHAPES[name]]


# ---------------------------------------------------------------- the oracle: the published layers in plain numpy
def convolve(x: Array, kernel: Array, bias: Array) -> Array:
    side = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))
    return np.einsum("nyxcij,ijco->nyxo", windows, kernel) + bias


def prelu(x: Array, slope: Array) -> Array:
    return np.where(x > 0, x, x * slope.reshape(-1))


def pool(x: Array, side: int) -> Array:
    """Stride 2; what sticks out at the end is cut short (rounded up, as Keras' "same" does for even sides)."""
    n, h, w, c = x.shape
    out = np.empty((n, math.ceil((h - side) / 2) + 1, math.ceil((w - side) / 2) + 1, c))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            out[:, i, j] = x[:, 2 * i : 2 * i + side, 2 * j : 2 * j + side].max(axis=(1, 2))
    return out


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def oracle(name: str, pixels: NDArray[np.uint8], pools: tuple[int | None, ...]) -> list[Array]:
    rest = iter([one.astype(np.float64) for one in weights(name)])
    x = (pixels.astype(np.float64) - 127.5) / 128
    for side in pools:
        x = prelu(convolve(x, next(rest), next(rest)), next(rest))
        x = x if side is None else pool(x, side)
    if name == "mtcnn_pnet":
        return [convolve(x, next(rest), next(rest)), softmax(convolve(x, next(rest), next(rest)))]
    x = x.transpose(0, 2, 1, 3).reshape(len(x), -1)
    x = prelu(x @ next(rest) + next(rest), next(rest))
    heads = [x @ next(rest) + next(rest) for _ in range(3 if name == "mtcnn_onet" else 2)]
    return [*heads[:-1], softmax(heads[-1])]


def picture(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (*shape, 3), np.uint8)


@pytest.mark.parametrize(("height", "width"), [(12, 12), (13, 12), (37, 50), (64, 41)])
def test_p_net_is_the_published_net(height: int, width: int) -> None:
    """Every size, odd ones too; one graph for all."""
    net = p_net(weights("mtcnn_pnet"))
    pixels = picture(1, height, width)
    for _ in range(2):
        got, wanted = net.run(pixels), oracle("mtcnn_pnet", pixels, (2, None, None))
        assert [one.shape for one in got] == [one.shape for one in wanted]
        assert all(a == pytest.approx(b, abs=1e-4) for a, b in zip(got, wanted, strict=True))


def test_r_and_o_net_are_the_published_nets() -> None:
    r, o = r_net(weights("mtcnn_rnet"), 3), o_net(weights("mtcnn_onet"), 2)
    small, large = picture(3, 24, 24), picture(2, 48, 48)
    answers = ((r.run(small), oracle("mtcnn_rnet", small, (3, 3, None))), (o.run(large), oracle("mtcnn_onet", large, (3, 3, 2, None))))
    for got, wanted in answers:
        assert [one.shape for one in got] == [one.shape for one in wanted]
        assert all(a == pytest.approx(b, abs=1e-4) for a, b in zip(got, wanted, strict=True))


def test_other_arrays_are_refused() -> None:
    with pytest.raises(ModelFileError, match="other arrays"):
        p_net(weights("mtcnn_rnet"))
    with pytest.raises(ModelFileError, match="other arrays"):
        o_net(weights("mtcnn_onet")[:-1], 1)


# ---------------------------------------------------------------- procedure
def test_examples_run() -> None:
    assert doctest.testmod(mtcnn).failed == 0


@given(st.integers(12, 4000), st.integers(12, 4000), st.floats(12, 200))
def test_the_pyramid_ends_where_a_cell_no_longer_fits(width: int, height: int, min_face: float) -> None:
    scales = pyramid(width, height, min_face)
    assert all(min(width, height) * scale >= 12 for scale in scales)
    assert all(b == pytest.approx(a * 0.709) for a, b in itertools.pairwise(scales))
    if scales:
        assert scales[0] == 12 / min_face
        assert min(width, height) * scales[-1] * 0.709 < 12
    else:
        assert min(width, height) < min_face + 1e-6


boxes = st.lists(
    st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(1, 90), st.floats(1, 90), st.floats(0, 1)), max_size=25
).map(lambda rows: np.array([(x, y, x + w, y + h, p) for x, y, w, h, p in rows], np.float32).reshape(-1, 5))  # fmt: skip


@given(boxes, st.sampled_from([0.5, 0.7]), st.booleans())
def test_suppression_leaves_no_two_alike_and_drops_only_the_alike(rows: NDArray[np.float32], limit: float, smaller: bool) -> None:
    kept = suppress(rows, limit, smaller=smaller)

    def alike(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
        sides = np.clip(np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]), 0, None)
        areas = [float((one[2:4] - one[:2]).prod()) for one in (a, b)]
        shared = float(sides.prod())
        return shared / (min(areas) if smaller else sum(areas) - shared)

    assert list(rows[kept, 4]) == sorted(rows[kept, 4], reverse=True)
    for position, i in enumerate(kept):
        assert all(alike(rows[i], rows[j]) <= limit + 1e-4 for j in kept[:position])
    for i in set(range(len(rows))) - set(kept.tolist()):
        assert any(alike(rows[i], rows[j]) > limit - 1e-4 and rows[j, 4] >= rows[i, 4] for j in kept)


@given(boxes)
def test_squares_have_the_middle_and_the_longer_side(rows: NDArray[np.float32]) -> None:
    found = squared(rows)
    sides = found[:, 2:4] - found[:, :2]
    assert sides == pytest.approx(np.repeat((rows[:, 2:4] - rows[:, :2]).max(axis=1, keepdims=True, initial=0), 2, axis=1), abs=1e-3)
    assert found[:, :2] + sides / 2 == pytest.approx((rows[:, :2] + rows[:, 2:4]) / 2, abs=1e-3)


def test_a_patch_is_cut_corner_to_corner_and_grey_outside() -> None:
    """As TensorFlow's crop_and_resize: the patch's corner pixels lie on the box's corners (whose shares count to the last pixel)."""
    ramp = np.repeat(np.add.outer(np.arange(60) * 2, np.arange(100))[..., None], 3, axis=2).astype(np.uint8)
    patch = np.empty((24, 24, 3), np.uint8)
    cut(ramp, np.array([10, 20, 56, 43], np.float32), patch)
    y, x = np.linspace(20, 43, 24) * 59 / 60, np.linspace(10, 56, 24) * 99 / 100
    assert patch[..., 0] == pytest.approx(np.add.outer(y * 2, x), abs=1.2)
    cut(ramp, np.array([-50, -50, -10, -10], np.float32), patch)
    assert (patch == 128).all()


# ---------------------------------------------------------------- crops
FRONTAL = np.array([[-33, 0], [33, 0], [0, 40], [-25, 66 / 0.92], [25, 66 / 0.92]], np.float64)


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300))
def test_by_points_the_eyes_are_level_and_of_one_size(roll: float, scale: float, x: float, y: float) -> None:
    """However a face lies in the picture, its points land on the same places of the crop."""
    a = math.radians(roll)
    turn = np.array([[math.cos(a), math.sin(a)], [-math.sin(a), math.cos(a)]]) * scale
    points = (FRONTAL @ turn + np.array([x, y])).astype(np.float32)
    affine = align.points_affine(points)
    landed = points @ affine[:, :2].T + affine[:, 2]
    assert landed == pytest.approx(FRONTAL + np.array([112, 88]), abs=0.1)


def test_a_turned_face_is_not_blown_up_and_an_open_mouth_changes_nothing() -> None:
    """With the eyes at 30 % of their distance the crop is scaled as if by 80; a mouth 15 % further down leaves it as it is."""
    scales = [np.linalg.norm(align.points_affine((FRONTAL * by).astype(np.float32))[:, 0]) for by in ((1, 1), (0.3, 1), (1, 1.15))]
    assert scales == pytest.approx([1, 1 / (align.TURNED / 0.92), 1], abs=0.01)


def test_a_padded_crop_keeps_the_aspect() -> None:
    """A round thing stays round; what is missing is black; a box that leaves the picture is cut at its edge."""
    pixels = np.full((400, 400, 3), 60, np.uint8)
    cv2.circle(pixels, (200, 200), 40, (250, 250, 250), -1)
    crop = align.padded(pixels, np.array([150, 100, 250, 300], np.float32))
    bright = np.argwhere(crop[..., 0] > 200)
    height, width = np.ptp(bright, axis=0) + 1
    assert abs(int(height) - int(width)) <= 1
    assert crop[:, :50].max() == 0
    assert crop[112, 112, 0] == 250
    edge = align.padded(pixels, np.array([-80, -80, 20, 60], np.float32))
    assert edge.shape == (224, 224, 3)
    assert (edge[112, 112] == 60).all()
