"""Things laid over a drawn face: what covers it (mask, hand, blanket, band, clear dome) and what does not (beard, glasses, shade).

Laid by the mesh of the free face, so that it is known whether the face is covered. Pictures RGB uint8 (h, w, 3); points (478, 3) px.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]
COVERS = ("surgical", "hand", "eyes", "blanket", "half", "dome")
FREE = ("beard", "stubble", "glasses", "shade")
CLOTHS = ((150, 190, 215), (235, 235, 235), (120, 170, 160), (60, 60, 70), (200, 190, 170), (180, 210, 230), (230, 225, 215))
HAIRS = ((30, 24, 20), (60, 42, 30), (120, 115, 110), (90, 60, 35))
CLEAR = ((190, 235, 215), (220, 225, 235), (235, 240, 240))
JAW = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454)
BEARD = (*JAW[2:-2], 426, 327, 2, 98, 206)
LIPS = (61, 39, 0, 269, 291, 405, 17, 181)


class Face:
    """A face's own axes in the picture."""

    def __init__(self, picture: Picture, points: Points, rng: np.random.Generator):
        self.picture, self.rng = picture, rng
        self.xy = points[:, :2].astype(np.float64)
        self.eyes = float(np.linalg.norm(self.xy[33] - self.xy[263]))
        down = self.xy[152] - self.xy[10]
        self.down = down / np.linalg.norm(down)
        self.side = np.array([-self.down[1], self.down[0]])
        self.light = float(np.clip(picture.mean() / 120, 0.25, 1.2))

    def polygon(self, corners: Sequence[NDArray[np.float64]] | NDArray[np.float64]) -> NDArray[np.float32]:
        """A mask of that polygon, 0 or 1."""
        mask = np.zeros(self.picture.shape[:2], np.float32)
        cv2.fillPoly(mask, [np.round(np.array(corners)).astype(np.int32)], (1.0,))
        return mask

    def half_plane(self, through: NDArray[np.float64], away: NDArray[np.float64]) -> NDArray[np.float32]:
        """Everything beyond a line."""
        along, far = np.array([-away[1], away[0]]), 6 * self.eyes
        return self.polygon([through - along * far, through + along * far, through + (along + away) * far, through + (away - along) * far])

    def ellipse(self, middle: NDArray[np.float64], axes: tuple[float, float], turn: float, width: int = -1) -> NDArray[np.float32]:
        """A filled ellipse, or its line; axes in eye distances, turn in degrees."""
        mask = np.zeros(self.picture.shape[:2], np.float32)
        size = (max(1, int(axes[0] * self.eyes)), max(1, int(axes[1] * self.eyes)))
        cv2.ellipse(mask, (int(middle[0]), int(middle[1])), size, turn, 0, 360, (1.0,), width)
        return mask

    def cloth(self, colour: NDArray[np.float64], folds: float) -> NDArray[np.float32]:
        """A whole picture of that colour with folds and grain."""
        height, width = self.picture.shape[:2]
        waves = cv2.resize(self.rng.normal(0, 1, (24, 32)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        slope = np.linspace(-1, 1, width)[None] * self.rng.uniform(-12, 12)
        out = colour + folds * waves[..., None] + slope[..., None] + self.rng.normal(0, 2, (height, width, 3))
        return np.clip(out, 0, 255).astype(np.float32)

    def lay(self, mask: NDArray[np.float32], over: NDArray[np.float32], opacity: float = 1.0, edge: float = 1.0) -> Picture:
        """`over` where the mask is, with an edge that is `edge` px soft."""
        soft = cv2.GaussianBlur(mask, (0, 0), max(edge, 0.3))[..., None] * opacity
        out: Picture = np.clip(self.picture * (1 - soft) + over * soft, 0, 255).astype(np.uint8)
        return out

    def one_of(self, colours: Sequence[tuple[int, int, int]]) -> NDArray[np.float64]:
        """One of the colours, in this picture's light."""
        return np.array(colours[int(self.rng.integers(len(colours)))], np.float64) * self.light


def cover(face: Face, kind: str) -> Picture:
    """The face with a part of it covered by one of COVERS."""
    rng, xy, down, side = face.rng, face.xy, face.down, face.side
    colour = face.one_of(CLOTHS) * rng.uniform(0.8, 1.1)
    if kind == "surgical":
        top = xy[[6, 197, 195, 5][rng.integers(4)]]
        cut = rng.integers(3)
        return face.lay(face.polygon([*xy[list(JAW[cut : len(JAW) - cut])], top]), face.cloth(colour, 6))
    if kind == "hand":
        return _hand(face)
    if kind == "eyes":
        a, b, half = xy[127], xy[356], down * face.eyes * rng.uniform(0.2, 0.4)
        return face.lay(face.polygon([a - half, b - half, b + half, a + half]), face.cloth(colour, 6))
    if kind == "blanket":
        turn = rng.uniform(-0.35, 0.35)
        away = down * np.cos(turn) + side * np.sin(turn)
        return face.lay(face.half_plane(xy[[4, 2, 0, 13][rng.integers(4)]], away), face.cloth(colour, 14), edge=1.5)
    if kind == "half":
        through = xy[4] + side * face.eyes * rng.uniform(-0.25, 0.25)
        return face.lay(face.half_plane(through, side * rng.choice([-1, 1])), face.cloth(colour, 14), edge=1.5)
    middle, turn = (xy[5] + xy[175]) / 2, float(np.degrees(np.arctan2(-side[1], -side[0])))
    axes = (rng.uniform(0.4, 0.55), rng.uniform(0.5, 0.7))
    flat = np.ones_like(face.picture, np.float32)
    face.picture = face.lay(face.ellipse(middle, axes, turn), flat * face.one_of(CLEAR).astype(np.float32), rng.uniform(0.3, 0.6))
    rim = face.ellipse(middle, axes, turn, max(2, int(face.eyes * 0.07)))
    return face.lay(rim, flat * np.array((160, 205, 190), np.float32) * np.float32(face.light), edge=0.8)


def _hand(face: Face) -> Picture:
    """A palm with four fingers over mouth, nose or cheek, of about the face's own colour, with its shadow."""
    rng, eyes, height, width = face.rng, face.eyes, *face.picture.shape[:2]
    nose = face.xy[5]
    skin = face.picture[int(np.clip(nose[1], 0, height - 1)), int(np.clip(nose[0], 0, width - 1))] * rng.uniform(0.75, 1.15)
    middle = face.xy[[13, 1, 61, 291, 205, 425][rng.integers(6)]] + rng.normal(0, 0.1 * eyes, 2)
    turn = rng.uniform(0, 180)
    mask = face.ellipse(middle, (rng.uniform(0.5, 0.8), rng.uniform(0.35, 0.55)), turn)
    for _ in range(4):
        angle = np.radians(turn + rng.uniform(-35, 35))
        tip = middle + eyes * 0.95 * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.12 * eyes, 2)
        ends = [(int(x), int(y)) for x, y in (middle, tip)]
        cv2.line(mask, ends[0], ends[1], (1.0,), max(1, int(eyes * 0.17)))
    shadow = cv2.GaussianBlur(mask, (0, 0), eyes * 0.05)[..., None]
    face.picture = (face.picture * (1 - 0.35 * shadow)).astype(np.uint8)
    return face.lay(mask, face.cloth(skin + rng.normal(0, 6, 3), 7))


def decorate(face: Face, kind: str) -> Picture:
    """The face with one of FREE: it stays free."""
    rng, xy = face.rng, face.xy
    if kind in ("beard", "stubble"):
        mask: NDArray[np.float32] = np.clip(np.subtract(face.polygon(xy[list(BEARD)]), face.polygon(xy[list(LIPS)])), 0, 1)
        grain = cv2.GaussianBlur(rng.normal(0, 1, mask.shape).astype(np.float32), (0, 0), 0.7) * 2
        hair = np.clip(face.one_of(HAIRS) + 18 * grain[..., None], 0, 255).astype(np.float32)
        return face.lay(mask, hair, rng.uniform(0.6, 0.95) if kind == "beard" else rng.uniform(0.2, 0.45), face.eyes * 0.05)
    if kind == "glasses":
        width, turn = max(1, int(face.eyes * rng.uniform(0.015, 0.04))), float(np.degrees(np.arctan2(-face.side[1], -face.side[0])))
        frame = np.maximum(*(face.ellipse((xy[a] + xy[b]) / 2, (0.26, 0.2), turn, width) for a, b in ((33, 133), (362, 263))))
        bridge = [(int(x), int(y)) for x, y in (xy[133], xy[362])]
        cv2.line(frame, bridge[0], bridge[1], (1.0,), width)
        return face.lay(frame, np.ones_like(face.picture, np.float32) * rng.uniform(10, 70), edge=0.5)
    spot = cv2.GaussianBlur(face.ellipse(xy[[205, 425, 10, 152][rng.integers(4)]], (0.8, 0.8), 0), (0, 0), face.eyes * 0.3)
    return np.clip(face.picture * (1 - rng.uniform(0.2, 0.55) * spot[..., None]), 0, 255).astype(np.uint8)
