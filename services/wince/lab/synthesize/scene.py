"""Light, camera and truth: what does not need a graphics library."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError
from wince.lab.synthesize.expression import PSPI_UNITS, pspi
from wince.lab.synthesize.person import Actor, Moment, Track
from wince.lab.synthesize.props import BACKGROUNDS

Array = NDArray[Any]
FIELD_OF_VIEW = 28.0
"""Vertical, degrees."""
LARGEST_SIDE = 4096
VISIBLE_SHARE = 0.9
"""A face is visible where this share of its 68 points lies in the picture."""


@dataclass(frozen=True, slots=True)
class Light:
    """One lamp and what comes from everywhere."""

    direction: tuple[float, float, float]
    ambient: float
    strength: float


LIGHTS = {
    "front": Light((0.25, 0.45, 1.0), 0.22, 0.82),
    "left": Light((-1.0, 0.35, 0.55), 0.12, 0.95),
    "right": Light((1.0, 0.35, 0.55), 0.12, 0.95),
    "top": Light((0.05, 1.0, 0.45), 0.15, 0.95),
    "soft": Light((0.1, 0.3, 1.0), 0.50, 0.50),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything round the persons."""

    size: tuple[int, int] = (640, 480)
    """(width, height), pixels; both even."""
    light: Light = LIGHTS["front"]
    background: str = "ward"
    exposure: Track = 1.0
    """1 normal, 0.02 nearly dark."""
    noise: float = 2.0
    """Standard deviation of the sensor's noise, grey levels."""
    blur: float = 0.0
    """Radius, pixels."""
    seed: int = 0
    """Of the background and the noise."""

    def __post_init__(self) -> None:
        if not all(16 <= side <= LARGEST_SIDE and side % 2 == 0 for side in self.size):
            raise DataError(f"a picture of {self.size}", field="size", remedy=f"even sides from 16 to {LARGEST_SIDE}")
        if self.background not in BACKGROUNDS:
            raise DataError(f"unknown background {self.background!r}", field="background", remedy=", ".join(BACKGROUNDS))


def rotation(yaw: float, pitch: float, roll: float) -> Array:
    """(3, 3) of degrees: roll x pitch x yaw, signs as in Person."""
    y, p, r = math.radians(yaw), math.radians(-pitch), math.radians(-roll)
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    turned: Array = about_z @ about_x @ about_y
    return turned


def model_matrix(pose: dict[str, float]) -> Array:
    """(4, 4) from the head's cm to the camera's."""
    model = np.eye(4)
    model[:3, :3] = rotation(pose["yaw"], pose["pitch"], pose["roll"])
    model[:3, 3] = np.array([pose["x"], pose["y"], -pose["distance"]]) + rotation(0, 0, pose["roll"]) @ (0, -2, 0)
    return model


def projection_matrix(size: tuple[int, int]) -> Array:
    """(4, 4) perspective, near 1 cm, far 400 cm."""
    focal = 1 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    return np.array([[focal * size[1] / size[0], 0, 0, 0], [0, focal, 0, 0], [0, 0, -401 / 399, -800 / 399], [0, 0, -1, 0]])


POINTS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
TRUTH_COLUMNS = (
    *("frame", "time", "person", "expression", "pain_level"),
    *PSPI_UNITS,
    *("au45", "pspi", "yaw", "pitch", "roll", "visible", "in_frame", "brightness", "occluder", "x0", "y0", "x1", "y1"),
    *(f"{point}_{axis}" for point in POINTS for axis in "xy"),
)
"""Columns of the truth, one row per frame and person. time: s; pain_level: PSPI asked for, 0 on every negative; au4-au10: 0-5,
au43 (closed) and au45 (blink): 0-1; pspi: 0-16; yaw, pitch, roll: degrees; visible: 0 or 1; in_frame: share of the 68 points in
the picture; brightness: mean grey of the face box, 0-255; occluder: none, mask, tube; x0 to y1: box of the 68 points; then five
points in pixels ("right" is the person's own right). Rows go on while the face is out of sight or covered."""
TruthRow = dict[str, str | int | float]


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One person as drawn at one time."""

    actor: Actor
    moment: Moment
    pose: dict[str, float]
    points: Array
    """(68, 3) landmarks in cm of the camera."""
    occluded: bool


def truth_row(frame: int, t: float, number: int, shown: Shown, *, image: Array, projection: Array) -> TruthRow:
    """One row of the truth; `image` is the finished picture (h, w, 3)."""
    moment, pose, hides = shown.moment, shown.pose, shown.actor.person.occluder
    height, width = image.shape[:2]
    clip = np.c_[shown.points, np.ones(68)] @ projection.T
    xy = np.c_[(clip[:, 0] / clip[:, 3] + 1) / 2 * width, (1 - clip[:, 1] / clip[:, 3]) / 2 * height]
    inside = float(((xy >= 0) & (xy < (width, height))).all(1).mean())
    (x0, y0), (x1, y1) = xy.min(0), xy.max(0)
    crop = image[max(0, int(y0)) : max(0, int(y1)) + 1, max(0, int(x0)) : max(0, int(x1)) + 1]
    five = (xy[36:42].mean(0), xy[42:48].mean(0), xy[30], xy[48], xy[54])
    weights = moment.weights
    row: TruthRow = {"frame": frame, "time": round(t, 3), "person": number, "expression": moment.expression}
    row["pain_level"] = round(moment.pain_level, 2)
    row |= {unit: round(float(weights.get(unit, 0.0)), 3) for unit in (*PSPI_UNITS, "au45")}
    row |= {"pspi": round(pspi(weights), 3)} | {k: round(pose[k], 2) for k in ("yaw", "pitch", "roll")}
    row |= {"visible": int(inside >= VISIBLE_SHARE), "in_frame": round(inside, 3)}
    row["brightness"] = round(float(crop.mean()), 1) if inside and crop.size else 0.0
    row["occluder"] = hides.kind if hides is not None and shown.occluded else "none"
    row |= {k: round(float(v), 1) for k, v in zip(("x0", "y0", "x1", "y1"), (x0, y0, x1, y1), strict=True)}
    return row | {f"{k}_{axis}": round(float(v), 1) for k, p in zip(POINTS, five, strict=True) for axis, v in zip("xy", p, strict=True)}
