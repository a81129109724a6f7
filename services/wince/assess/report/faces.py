"""Key frames with the landmarks that were found, drawn so that they show on light and dark skin and in grey."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wince.assess.result import KeyFrame
from wince.assess.result.words import number, span
from wince.report.colours import INK, OVER, SOFT, UNDER
from wince.report.figure import Box, Figure, Path, Picture, Text, spread

WIDTH, MOST_HEIGHT = 58.0, 62.0
MESH = 478
"""Points of the face mesh; with any other number the points alone are drawn."""
_CONTOURS = (
    "10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377 152 "
    "148 176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109 10",
    "61 146 91 181 84 17 314 405 321 375 291 409 270 269 267 0 37 39 40 185 61",
    "78 95 88 178 87 14 317 402 318 324 308 415 310 311 312 13 82 81 80 191 78",
    "263 249 390 373 374 380 381 382 362 398 384 385 386 387 388 466 263",
    "33 7 163 144 145 153 154 155 133 173 157 158 159 160 161 246 33",
    "276 283 282 295 285",
    "300 293 334 296 336",
    "46 53 52 65 55",
    "70 63 105 66 107",
    "168 6 197 195 5 4",
    "98 97 2 326 327",
)
"""Outline, lips, eyes, brows, nose as numbers of the mesh's points (MediaPipe face mesh, canonical_face_model_uv_visualization)."""
INDICES = tuple(tuple(int(i) for i in contour.split()) for contour in _CONTOURS)


def key_frame(frame: KeyFrame, grade: str) -> Figure:
    """The picture with its landmarks; nothing is drawn where no face was assessable."""
    with Image.open(io.BytesIO(frame.jpeg)) as picture:
        pixels_w, pixels_h = picture.size
    scale = min(WIDTH / pixels_w, MOST_HEIGHT / pixels_h)
    width, height = pixels_w * scale, pixels_h * scale
    left = (WIDTH - width) / 2
    found = len(frame.landmarks) > 0
    what = f"{grade}, score {number(frame.score)}, {len(frame.landmarks)} landmarks drawn" if found else "no assessable face"
    figure = Figure(WIDTH, height + 5.5, f"Key frame at {span(frame.time_s)}: {what}.")
    figure.add(Picture(left, 0, width, height, frame.jpeg), Box(left, 0, width, height, None, INK, 0.15))
    if found:
        points = np.asarray(frame.landmarks, np.float64)[:, :2] * scale + (left, 0.0)
        inside = (points[:, 0] >= left) & (points[:, 0] <= left + width) & (points[:, 1] >= 0) & (points[:, 1] <= height)
        _landmarks(figure, points, inside & np.isfinite(points).all(axis=1))
    caption = f"{grade or 'no grade'}, score {number(frame.score)}" if found else "not assessable"
    figure.add(
        Text(left, height + 3.8, span(frame.time_s), 2.6, bold=True), Text(left + width, height + 3.8, caption, 2.6, "end", colour=SOFT)
    )
    return figure


def _landmarks(figure: Figure, points: NDArray[np.float64], inside: NDArray[np.bool_]) -> None:
    """Contours as a dark line on a light one, the other points as small dots; what lies outside the picture is left out."""
    mesh = len(points) == MESH
    dots = tuple(spread([(float(x), float(y))]) for (x, y), seen in zip(points, inside, strict=True) if seen)
    contours = tuple(run for contour in INDICES for run in _inside(contour, points, inside)) if mesh else ()
    pen = 0.16 if mesh else 0.9
    figure.add(Path(dots, OVER, pen * 1.5), Path(dots, UNDER, pen))
    figure.add(Path(contours, OVER, 0.4), Path(contours, UNDER, 0.2))


def _inside(
    contour: tuple[int, ...],
    points: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> list[tuple[tuple[float, float], ...]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for index in contour:
        if inside[index]:
            runs[-1].append((float(points[index, 0]), float(points[index, 1])))
        elif runs[-1]:
            runs.append([])
    return [spread(run) for run in runs if len(run) > 1]
