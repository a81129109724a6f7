"""Persons whose look is drawn anew for each: so that what is learned is faces and not one renderer.

    shading     looks_shader.py: a shader of one's own            paint, lines   looks_paint.py
    face        identity wider or narrower, the whole head stretched, and a *resting* face of one's own: brows, lids, cheeks, nose and
                mouth lie where they lie. The truth of a resting face is 0: units are changes, as FACS has it
    gains       each shape moves by exp(N(0, GAIN)), its sides by exp(N(0, SIDE)) more. The truth follows what is *shown*: a face whose
                brow moves by 1.2 of the usual has 1.2 of the unit. A coder reads what is there, and weights that nobody can see teach noise
    camera      looks_camera.py: white balance, curve, saturation, sharpening, few pixels, vignette, compression, grey
    kinds       more of the rare distractors than the test has (training only)

The part `unseen` keeps what it had of its own: no function of unseen.py and no constant of it is used here, and nothing was tuned on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from wince.lab.corpus.expressions import Weights
from wince.lab.corpus.looks_paint import skin, wrinkles
from wince.lab.corpus.looks_shader import shader
from wince.lab.corpus.recipe import LOOKS, LOOKS_VALIDATION
from wince.lab.synthesize.expression import SHAPES
from wince.lab.synthesize.gl import Style
from wince.lab.synthesize.head import Head

GAIN, SIDE = 0.15, 0.06
"""Standard deviations of the logarithms."""
LEAST, MOST = 0.65, 1.5
LIDS = ("eyeBlink_L", "eyeBlink_R")
"""Gain 1: lids must shut whatever else, as AU43 says."""
RESTING: dict[str, tuple[float, float]] = {
    "browDown": (0.0, 0.13), "browInnerUp": (0.0, 0.10), "browOuterUp": (0.0, 0.12), "eyeSquint": (0.03, 0.09), "eyeBlink": (0.03, 0.06),
    "eyeWide": (0.0, 0.05), "cheekSquint": (0.0, 0.09), "cheekRaiser": (0.0, 0.07), "noseSneer": (0.0, 0.06), "mouthUpperUp": (0.0, 0.04),
    "mouthFrown": (0.05, 0.12), "mouthSmile": (0.0, 0.07), "mouthPress": (0.0, 0.10), "mouthShrugLower": (0.0, 0.06),
}  # fmt: skip
"""Mean and standard deviation of the weight that a shape has in a resting face."""
STRETCH = 0.05
"""Standard deviation of the logarithm of the head's width, height and depth."""
ALIASED = 0.7
"""Share of persons drawn without smooth edges."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one person's stills are drawn by."""

    head: Head
    style: Style
    gains: dict[str, float]
    """By the name of each of the head's shapes."""

    def shown(self, weights: Weights) -> Weights:
        """Weights as they are shown: each by the mean gain of the shapes that it moves."""
        return {key: value * self._gain(key) for key, value in weights.items()}

    def _gain(self, key: str) -> float:
        shapes = {name: share for name, share in SHAPES.get(key, {key: 1.0}).items() if name + "_L" not in LIDS}
        if not shapes:
            return 1.0
        sides = [(name,) if name in self.gains else (name + "_L", name + "_R") for name in shapes]
        values = [float(np.mean([self.gains[side] for side in both])) for both in sides]
        return float(np.average(values, weights=list(shapes.values())))


def varied(seed: int) -> bool:
    """Whether that person has a look of their own."""
    return seed in LOOKS or seed in LOOKS_VALIDATION


def look(seed: int, head: Head) -> Look:
    """The look of a person. Pure: same seed and head, same look."""
    rng = np.random.default_rng([seed, 30])
    mine = _gains(rng, head)
    stretch = np.exp(rng.normal(0, STRETCH, 3)).astype(np.float32)
    wide = np.float32(rng.uniform(0.8, 1.45))
    neutral = head.neutral.copy()
    for shape, (mean, spread) in RESTING.items():
        weight = float(np.clip(rng.normal(mean, spread), -2 * spread, mean + 2.5 * spread))
        neutral += head.offset(shape, weight, float(rng.normal(0, 0.15)))
    expression = {name: np.float32(mine[name]) * offset * stretch for name, offset in head.expression.items()}
    own = replace(head, neutral=neutral * stretch, identity=head.identity * (wide * stretch), expression=expression)
    samples = 0 if rng.random() < ALIASED else 4
    return Look(own, Style(shader(rng), skin, partial(wrinkles, seed=seed), samples), mine)


def _gains(rng: np.random.Generator, head: Head) -> dict[str, float]:
    common: dict[str, float] = {}
    out = {}
    for name in sorted(head.expression):
        stem = name.removesuffix("_L").removesuffix("_R")
        if stem not in common:
            common[stem] = float(rng.normal(0, GAIN))
        side = float(rng.normal(0, SIDE)) if stem != name else 0.0
        out[name] = 1.0 if name in LIDS else float(np.clip(np.exp(common[stem] + side), LEAST, MOST))
    return out
