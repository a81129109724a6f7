"""Adaptive padding: a box becomes a square picture without bending the face (neonatal study).

The face is scaled until its longer side fills the square, keeps its aspect, lies in the middle, and the rest is padding. Only the
geometry stands here; the pixels are moved in `pipeline/detect/align.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from wince.errors import InputError

SIZE = 224
"""Side of the square, px: what VGG16 and ResNet50 read."""


@dataclass(frozen=True, slots=True)
class Padding:
    """How a picture of width x height px lies in the square."""

    scale: float
    """Pixels of the square per pixel of the picture; the same both ways."""
    width: int
    """Of the scaled picture, px; one of width and height is the square's side."""
    height: int
    left: int
    """Padding, px; left and right, top and bottom differ by at most 1."""
    top: int
    right: int
    bottom: int


def fit(width: float, height: float, size: int = SIZE) -> Padding:
    """Where a picture of width x height px lies in a square of `size` px. Raises InputError for an empty picture.

    >>> fit(448, 224)
    Padding(scale=0.5, width=224, height=112, left=0, top=56, right=0, bottom=56)
    >>> fit(100, 201, 50).left, fit(100, 201, 50).right
    (12, 13)
    """
    if not (0 < width < float("inf") and 0 < height < float("inf")) or size < 1:
        raise InputError(f"{width:g} x {height:g} px can't be padded to {size}", field="box", remedy="give a box with an area")
    scale = size / max(width, height)
    inner_w, inner_h = (max(1, min(size, round(side * scale))) for side in (width, height))
    left, top = (size - inner_w) // 2, (size - inner_h) // 2
    return Padding(scale, inner_w, inner_h, left, top, size - inner_w - left, size - inner_h - top)
