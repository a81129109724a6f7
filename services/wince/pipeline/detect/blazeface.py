"""BlazeFace: finds faces in a whole picture. Own anchors, decoding and weighted NMS.

Decoding after MediaPipe's face_detection graphs (SsdAnchorsCalculator, TensorsToDetectionsCalculator,
NonMaxSuppressionCalculator with the WEIGHTED algorithm). Full range finds faces from about 25 px in a 640 px picture; short
range loses those below about 60 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.models.openvino_engine import Network, Precision
from wince.pipeline.detect.interface import Detection

MIN_SCORE = 0.5
OVERLAP = 0.3
"""Detections that overlap the best one by more (intersection over union) are averaged into it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What tells the two BlazeFace models apart."""

    size: int
    """Side of the input, px."""
    grids: tuple[tuple[int, int], ...]
    """(cells a side, anchors a cell)."""


FULL_RANGE = Layout(192, ((48, 1),))
SHORT_RANGE = Layout(128, ((16, 2), (8, 6)))


def anchors(layout: Layout) -> NDArray[np.float32]:
    """(n, 2) anchor centres as shares of the input, rows outer, columns inner."""
    parts = []
    for cells, repeat in layout.grids:
        y, x = np.mgrid[:cells, :cells]
        centres = np.stack([(x.ravel() + 0.5) / cells, (y.ravel() + 0.5) / cells], axis=1)
        parts.append(np.repeat(centres, repeat, axis=0))
    return np.concatenate(parts).astype(np.float32)


def overlap(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one (4,) box with (n, 4) boxes; 0-1."""
    size = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = size.clip(0).prod(axis=1)
    area = float((box[2:] - box[:2]).prod()) + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    result: NDArray[np.float32] = shared / np.maximum(area, 1e-9)
    return result


def weighted_nms(boxes: NDArray[np.float32], points: NDArray[np.float32], scores: NDArray[np.float32]) -> list[Detection]:
    """Average each cluster of overlapping boxes (and their points) by score. boxes (n, 4), points (n, 6, 2), scores (n,)."""
    order = np.argsort(-scores, kind="stable")
    found = []
    while len(order):
        near = overlap(boxes[order[0]], boxes[order]) > OVERLAP
        near[0] = True
        cluster = order[near]
        weights = scores[cluster] / scores[cluster].sum()
        box = np.tensordot(weights, boxes[cluster], axes=1).astype(np.float32)
        found.append(Detection(box, np.tensordot(weights, points[cluster], axes=1).astype(np.float32), float(scores[order[0]])))
        order = order[~near]
    return found


class BlazeFace:
    """The detector. One instance per thread."""

    def __init__(self, file: Path, layout: Layout = FULL_RANGE, min_score: float = MIN_SCORE, precision: Precision = "f32"):
        self._layout = layout
        self._min_logit = float(np.log(min_score / (1 - min_score)))
        self._anchors = anchors(layout)
        self._net = Network(file, (1, layout.size, layout.size, 3), divide=(127.5, 127.5), precision=precision)
        self._half = np.empty((0, 0, 3), np.uint8)

    def find(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """pixels: RGB uint8 (h, w, 3). Best first; empty where there is no face."""
        size = self._layout.size
        height, width = pixels.shape[:2]
        scale = size / max(height, width)
        inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (size - inner_w) // 2, (size - inner_h) // 2
        canvas = self._net.input[0]
        canvas[:] = 0
        if scale < 0.5:  # averaging exact 2 x 2 blocks first halves the time of the area filter
            pixels = self._halved(pixels)
        canvas[top : top + inner_h, left : left + inner_w] = cv2.resize(pixels, (inner_w, inner_h), interpolation=cv2.INTER_AREA)
        raw, logits = self._net.run()
        logit = logits.reshape(-1)
        keep = np.flatnonzero(logit >= self._min_logit)
        if not len(keep):
            return []
        rows = raw.reshape(-1, 8, 2)[keep] / size
        centre = self._anchors[keep]
        middle, half = rows[:, 0] + centre, rows[:, 1] / 2
        shift, back = np.array([left, top], np.float32), np.array([width / inner_w, height / inner_h], np.float32)
        points = ((rows[:, 2:] + centre[:, None]) * size - shift) * back
        boxes = np.concatenate([((middle - half) * size - shift) * back, ((middle + half) * size - shift) * back], axis=1)
        scores = 1 / (1 + np.exp(-logit[keep].clip(-80, 80)))
        return weighted_nms(boxes.astype(np.float32), points.astype(np.float32), scores.astype(np.float32))

    def _halved(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Half as wide and high, in memory that the next call overwrites: fresh memory of that size costs as much as the work."""
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        if self._half.shape[:2] != (height, width):
            self._half = np.empty((height, width, 3), np.uint8)
        return cv2.resize(pixels, (width, height), dst=self._half, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
