"""Everything about one person's stills, decided by the seed before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wince.lab.corpus.expressions import DRAW, Rng, Weights, kind_of
from wince.lab.corpus.recipe import CALM, CONDITIONS, COVERS, KINDS, KINDS_OF_LOOKS, LOOKS, STILLS, TWO_FACES
from wince.lab.synthesize.expression import Step
from wince.lab.synthesize.person import Occluder, Person
from wince.lab.synthesize.scene import LIGHTS, Light, Scene

BEFORE = (Step("neutral", 1.0),)
SIZE = (448, 384)
"""Of the picture, pixels."""


@dataclass(frozen=True, slots=True)
class Camera:
    """What happens to the picture after it is drawn."""

    gamma: float
    gains: tuple[float, float, float]
    """Of red, green, blue."""
    grey: bool
    """An infrared or black-and-white camera."""
    jpeg: int
    """Quality, 1-100."""


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One picture to be drawn."""

    kind: str
    condition: str
    weights: Weights
    pose: dict[str, float]
    """yaw, pitch, roll (degrees), x, y, distance (cm)."""
    scene: Scene
    camera: Camera
    cover: str
    """One of COVERS, or "none"."""


def _lamp(rng: Rng) -> Light:
    lamp = list(LIGHTS.values())[rng.integers(len(LIGHTS))]
    x, y, z = (float(v) for v in np.array(lamp.direction) + rng.normal(0, 0.25, 3))
    return Light((x, y, max(z, 0.2)), float(lamp.ambient * rng.uniform(0.7, 1.4)), float(lamp.strength * rng.uniform(0.8, 1.15)))


def _pose(condition: str, rng: Rng) -> dict[str, float]:
    yaw, pitch, roll = np.clip(rng.normal(0, (8, 5, 8)), (-20, -12, -20), (20, 12, 20))
    if condition in ("turned", "extreme"):
        yaw = rng.choice([-1, 1]) * rng.uniform(*((20, 45) if condition == "turned" else (45, 60)))
        pitch, roll = rng.uniform(-18, 18), rng.uniform(-40, 40)
    place = {"x": rng.uniform(-4, 4), "y": rng.uniform(-2, 2), "distance": rng.uniform(52, 90)}
    return {key: float(value) for key, value in ({"yaw": yaw, "pitch": pitch, "roll": roll} | place).items()}


def _scene(condition: str, light: Light, background: str, seed: int, rng: Rng) -> Scene:
    exposure, noise, blur = rng.uniform(0.65, 1.2), rng.uniform(0.5, 5), rng.choice([0.0, 0.0, 0.5, 0.8])
    if condition == "degraded":
        which = rng.integers(3)
        exposure = rng.uniform(0.2, 0.4) if which == 0 else exposure
        noise = rng.uniform(7, 18) if which == 1 else noise
        blur = rng.uniform(1, 2.4) if which == 2 else blur
    return Scene(SIZE, light, background, float(exposure), float(noise), float(blur), seed)


def _camera(condition: str, rng: Rng) -> Camera:
    r, g, b = (float(v) for v in rng.uniform(0.9, 1.1, 3))
    poor = condition == "degraded" and rng.random() < 0.5
    gamma, grey = float(rng.uniform(0.75, 1.3)), bool(rng.random() < 0.08)
    return Camera(gamma, (r, g, b), grey, int(rng.integers(15, 40) if poor else rng.integers(60, 98)))


def plan(seed: int) -> tuple[list[Person], list[Still]]:
    """The person (and, seldom, who stands beside) and STILLS stills, the first CALM of them calm. Pure: same seed, same plan."""
    rng = np.random.default_rng([seed, 11])
    cover = Occluder("mask" if rng.random() < 0.5 else "tube")
    person = Person(seed, BEFORE, tone=int(rng.integers(1, 7)), age=float(rng.uniform(0, 1)), occluder=cover, sway=0.0)
    people = [person]
    if rng.random() < TWO_FACES:
        side = float(rng.choice([-1, 1]))
        people.append(Person(seed + 500_000, BEFORE, tone=int(rng.integers(1, 7)), x=23 * side, distance=100.0))
    home, background = _lamp(rng), ("plain", "gradient", "ward", "bed")[rng.integers(4)]
    kinds = KINDS_OF_LOOKS if seed in LOOKS else KINDS
    shares, stills = np.array(list(CONDITIONS.values())), list[Still]()
    for number in range(STILLS):
        calm = number < CALM
        kind, condition = ("calm", "plain") if calm else (kind_of(rng, kinds), str(rng.choice(list(CONDITIONS), p=shares)))
        light = home if calm or rng.random() < 0.6 else _lamp(rng)
        covers = (cover.kind, *COVERS[2:])
        covered = str(rng.choice(covers)) if condition == "occluded" else "none"
        scene = _scene(condition, light, background, seed, rng)
        stills.append(Still(kind, condition, DRAW[kind](rng), _pose(condition, rng), scene, _camera(condition, rng), covered))
    return people, stills


HALVED = 5
"""The first so many identity coefficients decide on which half of the identity space a person lies."""


def half(seed: int) -> bool:
    """Whether the sum of a person's first HALVED identity coefficients (synthesize.person.Actor draws them first) is positive."""
    return float(np.random.default_rng([seed, 77]).normal(size=HALVED).sum()) > 0
