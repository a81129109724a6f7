"""Fake face models: a picture's faces are given as a script, no pixel is looked at but the first, which carries the frame's number."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wince.domain.face import Pose
from wince.domain.frame import Frame
from wince.pipeline.detect.interface import Detection, FaceModels, Fit, Mesh, Region
from wince.pipeline.detect.occlusion import PROBE_FILE
from wince.protocols.rules import DetectLimits

LIMITS = DetectLimits(
    rate_hz=5, min_size_px=20, min_brightness=40, min_sharpness=0, max_yaw=40, max_pitch=35, max_roll=60, max_occlusion=0.5,
    min_presence=0.5, full_range=True, search_every_s=1.0,
)  # fmt: skip
WIDTH, HEIGHT = 400, 300
FREE = np.repeat(-np.sign(np.load(PROBE_FILE)[:-1].reshape(128, 4, 1)), 2, axis=1).repeat(8, axis=2).astype(np.float16)
"""An inner map that the occlusion probe calls free."""


@dataclass(frozen=True)
class Someone:
    """A face of the script."""

    x: float
    y: float = 150.0
    side: float = 80.0
    presence: float = 1.0
    detected: bool = True
    yaw: float = 0.0
    roll: float = 0.0
    residual: float = 0.04


def landmarks(face: Someone) -> NDArray[np.float32]:
    """A square of points with the eye corners at their places, turned by the face's roll."""
    grid = np.linspace(-0.5, 0.5, 22)
    x, y = np.meshgrid(grid, grid)
    points = np.stack([x.ravel()[:478], y.ravel()[:478], np.zeros(478)], axis=1)
    points[33], points[263] = (-0.3, -0.2, 0), (0.3, -0.2, 0)
    a = math.radians(face.roll)
    turn = np.array([[math.cos(a), math.sin(a), 0], [-math.sin(a), math.cos(a), 0], [0, 0, 1]])
    return (points @ turn * face.side + (face.x, face.y, 0)).astype(np.float32)


class Script:
    """Detector, mesh and pose of the script: frames[i] are the faces of frame i. Counts searches."""

    def __init__(self, frames: list[list[Someone]]):
        self.frames, self.searches, self.current = frames, 0, Someone(0)

    def models(self) -> FaceModels:
        return FaceModels(self, self, self)

    def find(self, pixels: NDArray[np.uint8]) -> list[Detection]:
        if pixels[0, 0, 1] != 77:
            return []  # a turned picture: this script's faces are seen upright only
        self.searches += 1
        out = []
        for face in self.frames[int(pixels[0, 0, 0])]:
            if face.detected:
                half = face.side / 2
                box = np.array([face.x - half, face.y - half, face.x + half, face.y + half], np.float32)
                points = np.array([[face.x - 10, face.y], [face.x + 10, face.y], *[[face.x, face.y]] * 4], np.float32)
                out.append(Detection(box, points, 0.9))
        return out

    def fit(self, pixels: NDArray[np.uint8], region: Region) -> Mesh:
        faces = self.frames[int(pixels[0, 0, 0])]
        near = [f for f in faces if math.hypot(f.x - region.centre_x, f.y - region.centre_y) < region.side / 2]
        if not near:
            return Mesh(landmarks(Someone(region.centre_x, region.centre_y, region.side / 1.5)), 0.0, FREE)
        self.current = min(near, key=lambda f: math.hypot(f.x - region.centre_x, f.y - region.centre_y))
        return Mesh(landmarks(self.current), self.current.presence, FREE)

    def solve(self, points: NDArray[np.float32]) -> Fit:
        return Fit(Pose(self.current.yaw, 0.0, self.current.roll), self.current.residual)


def frame(index: int, time_us: int | None = None, grey: int = 120, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Frame:
    """Frame `index` of a script, 200 ms apart. size: (width, height)."""
    pixels = np.full((size[1], size[0], 3), grey, np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = index, 77
    return Frame("camera", index, index * 200_000 if time_us is None else time_us, pixels)
