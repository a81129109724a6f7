"""Squares cut out of a picture: the wide way gives the same bytes as the plain one."""

import cv2
import numpy as np
import pytest

from wince.pipeline.detect import align
from wince.pipeline.detect.geometry import region_affine
from wince.pipeline.detect.interface import Region
from wince.pipeline.detect.warp import WIDE, Widener, cut


@pytest.mark.parametrize("size", [(480, 640), (721, 1279), (33, 41)])
@pytest.mark.parametrize("repeat_edge", [True, False])
def test_a_widened_picture_gives_the_same_bytes(size: tuple[int, int], repeat_edge: bool) -> None:
    """Also turned, beyond every edge, enlarged and shrunk."""
    rng = np.random.default_rng(7)
    wide = Widener()
    for _ in range(40):
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        region = Region(*rng.uniform(-50, 700, 2), rng.uniform(20, 900), rng.uniform(-3.1, 3.1))
        affine = region_affine(region, 256)
        plain = cut(pixels, affine, 256, inverse=True, repeat_edge=repeat_edge)
        assert np.array_equal(cut(wide(pixels), affine, 256, inverse=True, repeat_edge=repeat_edge), plain)
        back = cv2.invertAffineTransform(affine)
        assert np.array_equal(cut(wide(pixels), back, 224), cut(pixels, back, 224))
        assert plain.shape == (256, 256, 3)


def test_memory_follows_the_picture_and_is_used_again() -> None:
    """A camera that changes its size gets memory of that size; one that does not costs none anew."""
    wide = Widener()
    first = wide(np.full((4, 6, 3), 9, np.uint8))
    assert first.shape == (4, 6, WIDE)
    assert wide(np.full((4, 6, 3), 5, np.uint8)) is first
    assert (first[..., :3] == 5).all()
    assert wide(np.zeros((8, 6, 3), np.uint8)).shape == (8, 6, WIDE)


def test_the_grey_region_of_a_widened_picture_is_that_of_the_picture() -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (90, 120, 3), np.uint8)
    wide = Widener()(pixels)
    for centre, side, angle in ((60, 50, 0.0), (10, 80, 0.7), (118, 30, -2.0)):
        region = Region(centre, 45, side, angle)
        assert (align.grey(wide, region) == align.grey(pixels, region)).all()
