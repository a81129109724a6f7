"""Grades as marks: each has its own shape beside its own colour, so that they are told apart in grey and without colour vision."""

from __future__ import annotations

import math

from wince.report.colours import INK, TONE_TEXTS, TONES, Colour
from wince.report.figure import Figure, Path, Point, spread

_ROUND = 24
"""Corners of a disc."""
_SHAPES: tuple[tuple[int, float], ...] = ((_ROUND, 0.0), (4, 45.0), (3, 0.0), (4, 0.0), (5, 0.0), (6, 30.0))
"""Corners and turn, degrees: disc, square, triangle, diamond, pentagon, hexagon."""
_SPREAD = {2: (0, 2), 3: (0, 3, 2), 4: (0, 1, 3, 2)}
"""Shapes of scales with few grades: the highest is the triangle, as on a warning sign."""


def tone(grade: int, grades: int) -> Colour:
    """Fill of a grade of so many."""
    return TONES[_rank(grade, grades)]


def text_on(grade: int, grades: int) -> Colour:
    """Text on that fill."""
    return TONE_TEXTS[_rank(grade, grades)]


def _rank(grade: int, grades: int) -> int:
    return 0 if grades < 2 else round(grade * (len(TONES) - 1) / (grades - 1))


def shape(grade: int, grades: int, x: float, y: float, size: float, fill: Colour | None = None) -> Path:
    """The mark of a grade in the square of `size` mm with its centre at (x, y), in its tone or in one colour."""
    order = _SPREAD.get(grades, tuple(range(len(_SHAPES))))
    corners, turn = _SHAPES[order[grade % len(order)]]
    radius = size / 2 if corners != 4 or turn == 0 else size / 2 * 1.15
    drop = size * 0.1 if corners == 3 else 0.0
    points: list[Point] = []
    for index in range(corners):
        angle = math.radians(turn - 90 + 360 * index / corners)
        points.append((x + radius * math.cos(angle), y + drop + radius * math.sin(angle)))
    return Path((spread(points),), fill or INK, max(size * 0.06, 0.12), fill or tone(grade, grades))


def badge(grade: int, grades: int, size: float = 4.0) -> Figure:
    """The mark alone, for beside a grade's name, which says the same in words."""
    return Figure(size + 0.4, size + 0.4, "", [shape(grade, grades, size / 2 + 0.2, size / 2 + 0.2, size)])
