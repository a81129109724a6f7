"""MTCNN: the detector of the hip-fracture study; boxes and five points. Own pyramid, cropping, decoding, suppression.

Procedure after Zhang et al. 2016 and the package mtcnn 1.0.0 (whose weights these are): P-Net proposes on a pyramid, R-Net and O-Net
refine what it proposed, each with its threshold and suppression. Against that package: suppression is the greedy one of the paper, and
pixels are scaled as uint8. Several times slower than BlazeFace; the smaller `min_face`, the slower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.models.joblib_arrays import read_arrays
from wince.pipeline.detect.interface import Detection
from wince.pipeline.detect.mtcnn_nets import o_net, p_net, r_net

CELL, STRIDE, FACTOR = 12, 2, 0.709
THRESHOLDS = (0.6, 0.7, 0.7)
"""Lowest probability after P-, R- and O-Net (the paper's code)."""
MIN_FACE = 40
"""Smallest face that is looked for, px; a face that can be assessed has 80."""
R_BATCH, O_BATCH = 16, 4
Boxes = NDArray[np.float32]
"""(n, 5): x0, y0, x1, y1, probability."""


class Mtcnn:
    """The detector. One instance per thread."""

    def __init__(self, p: Path, r: Path, o: Path, min_face: float = MIN_FACE) -> None:
        """p, r, o: verified weight files. Raises ModelFileError where one can't be read as such."""
        weights = [read_arrays(file.read_bytes(), file.name) for file in (p, r, o)]
        self._p, self._r, self._o = p_net(weights[0]), r_net(weights[1], R_BATCH), o_net(weights[2], O_BATCH)
        self._patches = {side: np.zeros((batch, side, side, 3), np.uint8) for side, batch in ((24, R_BATCH), (48, O_BATCH))}
        self._min_face = min_face

    def find(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        """pixels: RGB uint8 (h, w, 3). Best first; empty where there is no face."""
        boxes = self._propose(pixels)
        if not len(boxes):
            return []
        shift, label = self._refine(pixels, boxes, 24, self._r.run)
        boxes = _moved(boxes, shift, label[:, 1])[label[:, 1] > THRESHOLDS[1]]
        boxes = squared(boxes[suppress(boxes, 0.7)])
        if not len(boxes):
            return []
        shift, points, label = self._refine(pixels, boxes, 48, self._o.run)
        sides = boxes[:, 2:4] - boxes[:, :2] + 1
        xy = points.reshape(-1, 2, 5).transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        boxes, good = _moved(boxes, shift, label[:, 1]), label[:, 1] > THRESHOLDS[2]
        boxes, xy = boxes[good], xy[good]
        return [Detection(boxes[i, :4], xy[i].astype(np.float32), float(boxes[i, 4])) for i in suppress(boxes, 0.7, smaller=True)]

    def _propose(self, pixels: NDArray[np.uint8]) -> Boxes:
        height, width = pixels.shape[:2]
        found, halved = [], pixels
        for scale in pyramid(width, height, self._min_face):
            size = (math.ceil(width * scale), math.ceil(height * scale))
            while halved.shape[1] >= 2 * size[0] and halved.shape[0] >= 2 * size[1]:  # the area filter is quick on exact 2 x 2 blocks
                half = (halved.shape[1] // 2, halved.shape[0] // 2)
                halved = np.asarray(cv2.resize(halved, half, interpolation=cv2.INTER_AREA), np.uint8)
            how = cv2.INTER_AREA if size[0] < halved.shape[1] else cv2.INTER_LINEAR
            scaled = np.asarray(cv2.resize(halved, size, interpolation=how), np.uint8)
            shift, label = self._p.run(scaled[None])
            y, x = np.nonzero(label[0, :, :, 1] > THRESHOLDS[0])
            corner = np.stack([x, y], axis=1).astype(np.float32) * STRIDE
            cell = np.concatenate([corner, corner + CELL], axis=1)
            boxes = np.column_stack([(cell + shift[0, y, x] * CELL) / scale, label[0, y, x, 1]]).astype(np.float32)
            found.append(boxes[suppress(boxes, 0.5)])
        boxes = np.concatenate(found) if found else np.empty((0, 5), np.float32)
        return squared(boxes[suppress(boxes, 0.7)])

    def _refine(
        self, pixels: NDArray[np.uint8], boxes: Boxes, side: int, run: Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]
    ) -> list[NDArray[np.float32]]:
        """The heads' answers for each box; a batch that is not full is filled up with what lay there."""
        patches = self._patches[side]
        parts = []
        for start in range(0, len(boxes), len(patches)):
            some = boxes[start : start + len(patches)]
            for patch, box in zip(patches, some, strict=False):
                cut(pixels, box, patch)
            parts.append([head[: len(some)].copy() for head in run(patches)])
        return [np.concatenate(heads) for heads in zip(*parts, strict=True)]


def pyramid(width: int, height: int, min_face: float) -> list[float]:
    """Scales at which faces from `min_face` px on fill a cell of P-Net, largest first.

    >>> [round(scale, 3) for scale in pyramid(100, 60, 24)]
    [0.5, 0.354, 0.251]
    """
    scales = [CELL / min_face]
    while min(width, height) * scales[-1] >= CELL:
        scales.append(scales[-1] * FACTOR)
    return scales[:-1]


def cut(pixels: NDArray[np.uint8], box: NDArray[np.float32], patch: NDArray[np.uint8]) -> None:
    """Fill the square `patch` with the box's pixels: its corners are the middles of the patch's corner pixels; grey outside the picture.

    So TensorFlow's crop_and_resize samples, with which the package cuts.
    """
    height, width = pixels.shape[:2]
    shrink = np.array([(width - 1) / width, (height - 1) / height])
    low, high = box[:2] * shrink, box[2:4] * shrink
    step = (high - low) / (patch.shape[0] - 1)
    affine = np.array([[step[0], 0.0, low[0]], [0.0, step[1], low[1]]])
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    cv2.warpAffine(pixels, affine, patch.shape[:2], dst=patch, flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(128, 128, 128))


def suppress(boxes: Boxes, limit: float, *, smaller: bool = False) -> NDArray[np.intp]:
    """Indices of the boxes that stay, best first: of two that overlap by more than `limit` the better one does.

    Overlap: intersection over union, or over the smaller box.
    """
    order = np.argsort(-boxes[:, 4], kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        sides = np.minimum(boxes[best, 2:4], boxes[order, 2:4]) - np.maximum(boxes[best, :2], boxes[order, :2])
        shared = sides.clip(0).prod(axis=1)
        whole = np.minimum(area[best], area[order]) if smaller else area[best] + area[order] - shared
        order = order[shared <= limit * whole]
    return np.array(kept, np.intp)


def squared(boxes: Boxes) -> Boxes:
    """Each box as a square round the same middle, as long as its longer side."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    low = boxes[:, :2] + sides / 2 - sides.max(axis=1, keepdims=True, initial=0) / 2
    return np.column_stack([low, low + sides.max(axis=1, keepdims=True, initial=0), boxes[:, 4]]).astype(np.float32)


def _moved(boxes: Boxes, shift: NDArray[np.float32], score: NDArray[np.float32]) -> Boxes:
    """Boxes shifted by shares of their own sides (counted as R- and O-Net do, both ends included), with their new probability."""
    sides = boxes[:, 2:4] - boxes[:, :2] + 1
    return np.column_stack([boxes[:, :4] + shift * np.tile(sides, 2), score]).astype(np.float32)
