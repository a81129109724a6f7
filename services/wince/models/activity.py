"""The first scorer's arithmetic: what it looks at, and how that becomes facial activity. Weights stand in activity.json.

Per face 39 channels: 21 of Blendshapes v2 (left and right averaged) and 18 distances between mesh points in space, divided by the
distance of the outer eye corners. They are the *embedding*. Two linear readings look at it:

    free       z = (channels - mean face) / spread          nobody's own calm face is known
    personal   z = (channels - this patient's calm face) / spread of such changes;  no change reads exactly 0

Both feed [z, z squared, max(z, 0)] with z held to +-4 into ridge weights, fitted on rendered heads whose action units are known
(lab/activity_fit.py is the recipe). `score` was fitted to the PSPI of pain and to 0 on smiles, speech, yawns, surprise, blinks
and sleep: it isn't a sum of units. The naive sum of blendshapes is higher on laughter than on distress (google-ai-edge/mediapipe
4450: cheekSquint and noseSneer never fire), so AU6 and AU9 are NaN here, never 0.

`smile` is the mean of two opinions: the fitted one, sure on drawn faces only, and the mouthSmile channel, which knows real laughter
but also rises in a grimace (over .5 in 13 % of drawn pain; the mean in 1 %). A high smile beside a high score is a conflict, for
grade to ask about. It is needed: on crowd-labelled photographs of happy faces the free score was 3.5 or more in half of them, and
the smile catches all but 3 %.

Confidence is the share of held-out rendered faces at the same distance from the training faces whose score lay within 2 of the
truth; beyond the farthest of them it falls with the square of the distance. It says nothing about patients.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.domain.estimate import UNITS, Reading
from wince.errors import ModelFileError

FILE = Path(__file__).with_name("activity.json")

SHAPES: tuple[str, ...] = (
    *("browDown", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide", "mouthSmile", "mouthUpperUp", "mouthStretch", "mouthFrown"),
    *("mouthPress", "mouthLowerDown", "mouthDimple", "browInnerUp", "jawOpen", "mouthFunnel", "mouthPucker", "mouthShrugLower"),
    *("mouthShrugUpper", "mouthRollLower", "mouthRollUpper", "mouthClose"),
)
"""Blendshapes that are read, Left and Right averaged where there are two. cheekSquint and noseSneer are dead (always 0)."""
DISTANCES: dict[str, tuple[tuple[int, int], ...]] = {
    "brow_eye": ((107, 133), (336, 362)),
    "brow_lid": ((105, 159), (334, 386)),
    "brow_outer": ((46, 33), (276, 263)),
    "brow_gap": ((55, 285),),
    "brow_nose": ((55, 168), (285, 168)),
    "eye_open": ((159, 145), (386, 374)),
    "eye_open_inner": ((158, 153), (385, 380)),
    "lower_lid": ((145, 118), (374, 347)),
    "nose_lip": ((2, 0),),
    "alar_eye": ((49, 133), (279, 362)),
    "alar_width": ((49, 279),),
    "mouth_open": ((13, 14),),
    "mouth_width": ((61, 291),),
    "corner_eye": ((61, 33), (291, 263)),
    "corner_nose": ((61, 49), (291, 279)),
    "upper_lip": ((0, 13),),
    "chin": ((17, 152),),
    "corner_chin": ((61, 152), (291, 152)),
}
"""Mesh points between which is measured; right and left averaged."""
CHANNELS: tuple[str, ...] = (*SHAPES, *DISTANCES)
OUTPUTS = ("score", "au4", "au7", "au10", "au43", "smile")
FREE_OUTPUTS = (*OUTPUTS, "rest")
"""What the free reading knows besides: 1 on a face at rest with open eyes, 0 on every expression."""
TOPS = np.array([16, 5, 5, 5, 1, 1, 1], np.float64)
"""Largest value of each output; the smallest is 0."""
REST = 0.5
"""From here on a face counts as at rest. Held out: 91 % of neutral faces, 22 % of speech, 6 % of sleep, 2 % of pain (mild), 2 % of
smiles, no yawn or surprise."""
SMILING = 0.45
"""From so much smile on AU10 is not measured: a smile lifts the upper lip as well."""
EYE_CORNERS = (33, 263)
LIMIT = 4.0
"""Spreads to which z is held: weights fitted on drawn faces must not run away on others."""
SECURE = 2.0
"""A score is right where it lies this close to the truth (0-16)."""

_FROM = np.array([pair[0] for pairs in DISTANCES.values() for pair in pairs])
_TO = np.array([pair[1] for pairs in DISTANCES.values() for pair in pairs])
_ROWS = np.array([row for row, pairs in enumerate(DISTANCES.values()) for _ in pairs])
_MEAN = np.zeros((len(DISTANCES), len(_ROWS)))
_MEAN[_ROWS, np.arange(len(_ROWS))] = 1
_MEAN /= _MEAN.sum(axis=1, keepdims=True)


def embed(landmarks: NDArray[np.float32], blendshapes: NDArray[np.float32], columns: NDArray[np.float64]) -> NDArray[np.float32]:
    """(39,) channels of one face. landmarks: (478, 3) px; blendshapes: (52,); columns: `shape_columns` of their names."""
    points = landmarks.astype(np.float64)
    unit = np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]])
    distances = _MEAN @ np.linalg.norm(points[_FROM] - points[_TO], axis=1) / max(float(unit), 1e-6)
    return np.concatenate([columns @ blendshapes, distances]).astype(np.float32)


def shape_columns(names: tuple[str, ...]) -> NDArray[np.float64]:
    """(21, n) matrix that turns the coefficients named `names` into the shapes that are read."""
    out = np.zeros((len(SHAPES), len(names)))
    for row, shape in enumerate(SHAPES):
        found = [names.index(name) for name in (shape, f"{shape}Left", f"{shape}Right") if name in names]
        out[row, found] = 1 / len(found)
    return out


def expand(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3k) features of (n, k) standardized channels: themselves, their squares, their positive part, held to +-LIMIT."""
    held = np.clip(z, -LIMIT, LIMIT)
    return np.hstack([held, held**2, np.maximum(held, 0)])


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """One reading's weights."""

    mean: NDArray[np.float64]
    """(k,) what is subtracted; 0 for the personal reading."""
    spread: NDArray[np.float64]
    """(k,) what is divided by."""
    weights: NDArray[np.float64]
    """(3k, outputs)."""
    bias: NDArray[np.float64]
    """(outputs,); 0 for the personal reading."""
    distance: NDArray[np.float64]
    """(b,) rising distances, root mean square of z."""
    share: NDArray[np.float64]
    """(b,) share of held-out faces at that distance whose score was right."""

    def values(self, channels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, outputs) of (n, k) channels (free) or changes (personal), held to their ranges."""
        return np.clip(expand((channels - self.mean) / self.spread) @ self.weights + self.bias, 0, TOPS[: len(self.bias)])

    def confidence(self, channels: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) 0-1; see the module's head."""
        far = np.sqrt((((channels - self.mean) / self.spread) ** 2).mean(axis=1))
        beyond = np.minimum(1.0, self.distance[-1] / np.maximum(far, 1e-9)) ** 2
        return np.asarray(np.interp(far, self.distance, self.share) * beyond)

    def read(self, channels: NDArray[np.float64]) -> list[Reading]:
        """One Reading per row; raises nothing: what isn't finite gets confidence 0 and a NaN score."""
        readings = []
        seen = np.clip(channels[:, SHAPES.index("mouthSmile")], 0, 1)
        values = self.values(channels)[:, : len(OUTPUTS)]
        for (score, au4, au7, au10, au43, fitted), raw, near in zip(values, seen, self.confidence(channels), strict=True):
            smile = float(fitted + raw) / 2
            measured = {"au4": au4, "au7": au7, "au10": au10 if smile < SMILING else np.nan, "au43": au43}
            units = np.array([measured.get(unit, np.nan) for unit in UNITS], np.float32)
            sure = float(near) if np.isfinite(near) else 0.0
            readings.append(Reading(float(score), sure, units, smile))
        return readings


@dataclass(frozen=True, slots=True, eq=False)
class ActivityModel:
    """Both readings, and what identifies them."""

    free: Linear
    personal: Linear
    sha256: str
    """Of activity.json, hex."""

    def at_rest(self, channels: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(n,) of (n, k): faces that show no expression and may teach a patient's calm face."""
        return np.asarray(self.free.values(channels)[:, -1] >= REST)


@cache
def load(file: Path = FILE) -> ActivityModel:
    """Read the weights. Raises ModelFileError where the file is absent or isn't of this version."""
    try:
        data = file.read_bytes()
        content = json.loads(data)
        if content["channels"] != list(CHANNELS) or content["outputs"] != list(OUTPUTS):
            raise ValueError("other channels or outputs")
        free, personal = _linear(content["free"], FREE_OUTPUTS), _linear(content["personal"], OUTPUTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"can't be read as the activity scorer's weights ({type(error).__name__})"
        remedy = "it is part of the installation: install wince again, or remake it by wince.lab.activity_fit"
        raise ModelFileError(what, field=file.name, remedy=remedy) from error
    return ActivityModel(free, personal, hashlib.sha256(data).hexdigest())


def _linear(table: dict[str, Any], outputs: tuple[str, ...]) -> Linear:
    k, n = len(CHANNELS), len(outputs)

    def array(name: str, *shape: int) -> NDArray[np.float64]:
        value = np.array(table[name], np.float64)
        if (shape and value.shape != shape) or not np.isfinite(value).all():
            raise ValueError(name)
        return value

    weights = np.stack([array(f"weights.{output}", 3 * k) for output in outputs], axis=1)
    distance = array("distance")
    return Linear(array("mean", k), array("spread", k), weights, array("bias", n), distance, array("share", len(distance)))
