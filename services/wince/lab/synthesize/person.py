"""Who is drawn and what they do: a Person is data, an Actor is that person fitted to the head."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wince.errors import DataError
from wince.lab.synthesize.expression import NEGATIVES, PAIN_MOUTHS, SHAPES, Step, parse_timeline
from wince.lab.synthesize.head import Head, Points

RAMP_S = 0.6
"""Seconds to pass from one expression to the next."""
BLINK_HALF_S = 0.18
IDENTITY_SPREAD = 0.85
"""Standard deviation of the identity coefficients."""
LIDS = {"_R": (37, 38, 40, 41), "_L": (43, 44, 46, 47)}
"""Landmarks of the upper (two) and lower (two) lid."""

Track = float | tuple[tuple[float, float], ...]
"""A number, or keyframes ((time s, value), ...) between which it runs linearly."""


def track_at(track: Track, t: float) -> float:
    """Value of a track at t seconds.

    >>> track_at(((0, 0), (2, 10)), 1)
    5.0
    """
    if isinstance(track, tuple):
        return float(np.interp(t, [time for time, _ in track], [value for _, value in track]))
    return float(track)


def parse_track(text: str) -> Track:
    """Read "20" or "0:0,5:30" (TIME:VALUE, ...). Raises DataError."""
    try:
        if ":" not in text and math.isfinite(float(text)):
            return float(text)
        frames = tuple((float(time), float(value)) for time, value in (part.split(":") for part in text.split(",")))
    except ValueError:
        raise DataError(f"bad keyframes {text!r}", field="track", remedy="a number, or TIME:VALUE,TIME:VALUE") from None
    if not all(math.isfinite(number) for frame in frames for number in frame):
        raise DataError(f"bad keyframes {text!r}", field="track", remedy="finite numbers")
    if any(b[0] <= a[0] for a, b in itertools.pairwise(frames)):
        raise DataError("keyframes are not in order of time", field="track", remedy="TIME:VALUE with rising times")
    return frames


@dataclass(frozen=True, slots=True)
class Occluder:
    """What hides a part of the face, and when."""

    kind: str
    """"mask" (oxygen mask) or "tube" (taped tube in the mouth)."""
    start_s: float = 0.0
    end_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person and what they do. Same seed: same face."""

    seed: int
    steps: tuple[Step, ...]
    tone: int = 3
    """Skin, 1 (lightest) to 6 (darkest)."""
    age: float | None = None
    """0 young to 1 old; None: drawn from the seed."""
    yaw: Track = 0.0
    """Degrees; > 0 turns the face to the image's right."""
    pitch: Track = 0.0
    """Degrees; > 0 lifts the chin."""
    roll: Track = 0.0
    """Degrees; > 0 tilts the head clockwise in the image."""
    x: Track = 0.0
    """cm to the image's right, at the head's distance."""
    y: Track = 0.0
    """cm up."""
    distance: Track = 80.0
    """cm from the camera."""
    occluder: Occluder | None = None
    sway: float = 1.5
    """Degrees of idle head movement."""

    def __post_init__(self) -> None:
        if not 1 <= self.tone <= 6:
            raise DataError(f"tone {self.tone}", field="tone", remedy="1 (lightest) to 6 (darkest)")
        if not self.steps:
            raise DataError("an empty timeline", field="timeline", remedy="at least one step")
        if self.occluder is not None and self.occluder.kind not in ("mask", "tube"):
            raise DataError(f"unknown occluder {self.occluder.kind!r}", field="occluder", remedy="mask or tube")
        if self.age is not None and not 0 <= self.age <= 1:
            raise DataError(f"age {self.age}", field="age", remedy="0 (young) to 1 (old)")

    @property
    def duration_s(self) -> float:
        """Length of the timeline, seconds."""
        return sum(step.seconds for step in self.steps)


def parse_occluder(text: str) -> Occluder:
    """Read "mask", or "mask:3-7" (seconds from and to). Raises DataError.

    >>> parse_occluder("tube:3-7")
    Occluder(kind='tube', start_s=3.0, end_s=7.0)
    """
    kind, sign, span = text.partition(":")
    if not sign:
        return Occluder(kind)
    start, _, end = span.partition("-")
    try:
        return Occluder(kind, float(start), float(end))
    except ValueError:
        raise DataError(f"bad times {span!r}", field="occluder", remedy="KIND:FROM-TO in seconds, such as mask:3-7") from None


PERSON_KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "seed": ("seed", int),
    "timeline": ("steps", parse_timeline),
    "tone": ("tone", int),
    "age": ("age", float),
    **{name: (name, parse_track) for name in ("yaw", "pitch", "roll", "x", "y", "distance")},
    "occluder": ("occluder", parse_occluder),
    "sway": ("sway", float),
}
"""What `parse_person` reads: the field of Person and how its text is read."""


def parse_person(text: str) -> Person:
    """Read "seed=3; tone=4; timeline=neutral:4,pain12:3": KEY=VALUE, apart by semicolons; keys are PERSON_KEYS. Raises DataError.

    >>> parse_person("seed=3; timeline=smile:2; yaw=0:0,2:30").yaw
    ((0.0, 0.0), (2.0, 30.0))
    """
    given: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not sign or key not in PERSON_KEYS:
            raise DataError(f"bad part {part!r}", field="person", remedy=f"KEY=VALUE; the keys are {', '.join(PERSON_KEYS)}")
        name, read = PERSON_KEYS[key]
        if name in given:
            raise DataError(f"{key} is said twice", field="person", remedy="say it once")
        try:
            given[name] = read(value)
        except ValueError:
            raise DataError(f"bad number {value!r}", field=key, remedy="a number") from None
    if missing := [key for key in ("seed", "timeline") if PERSON_KEYS[key][0] not in given]:
        raise DataError(f"without {' and '.join(missing)}", field="person", remedy='such as "seed=3; tone=4; timeline=neutral:4,pain12:3"')
    return Person(**given)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a person shows at one time."""

    expression: str
    """Name of the step now running."""
    pain_level: float
    """PSPI asked for; 0 on every negative."""
    weights: dict[str, float]
    """Action units and shapes."""


class Actor:
    """A person on a head: face, habits (how pain looks on them, when they blink) and the pose at any time."""

    def __init__(self, person: Person, head: Head) -> None:
        self.person, self.head = person, head
        rng = np.random.default_rng([person.seed, 77])  # the order of the draws below is the identity: never change it
        coefficients = rng.normal(0, IDENTITY_SPREAD, len(head.identity)).astype(np.float32)
        self.base: Points = (head.neutral + np.tensordot(coefficients, head.identity, axes=1)).astype(np.float32)
        for part in ("teeth", "gums_and_tongue"):  # keep them behind the lips of any mixture
            self.base[head.parts[part]] = self.base[head.parts[part]] * (0.88, 1, 1) - (0, 0, 0.45)
        self.balance = float(rng.uniform(-0.12, 0.12))
        self.lid_gain = {side: self._full_closure(side, lids) for side, lids in LIDS.items()}
        share = rng.uniform(0.8, 1.2, 3)
        self.share = share / share.sum()  # of brow, eyes, nose in pain
        first = rng.random(2) < 0.5  # which unit of a pair leads
        self.lid_first, self.nose_first = bool(first[0]), bool(first[1])
        self.second_unit = rng.uniform(0.6, 1.0, 2)
        self.mouth = PAIN_MOUTHS[("open", "stretched", "pressed")[rng.integers(3)]]
        self.phase = rng.uniform(0, 2 * math.pi, 8)
        gaps = rng.uniform(2.2, 6.0, 400)
        self.blinks = np.cumsum(gaps) - gaps[0] * 0.5
        drawn_age = float(rng.uniform(0.1, 0.9))
        self.age = drawn_age if person.age is None else person.age
        self.hair_style = int(rng.integers(4))
        """0 bald, 1 receding, 2 cropped, 3 full."""
        irises = ((0.23, 0.13, 0.07), (0.30, 0.20, 0.11), (0.28, 0.30, 0.16), (0.22, 0.30, 0.40))
        self.iris = irises[rng.integers(4) if person.tone <= 2 else rng.integers(2)]
        self.grey = max(0.0, self.age - 0.5) * 1.6
        self.starts = np.concatenate([[0.0], np.cumsum([step.seconds for step in person.steps])[:-1]])

    def _full_closure(self, side: str, lids: tuple[int, int, int, int]) -> float:
        """Weight of eyeBlink that really shuts this person's eye (the shape fits the mean face only)."""
        rows = self.head.landmarks[list(lids)]

        def height(vertices: Points) -> float:
            return float(vertices[rows[:2], 1].mean() - vertices[rows[2:], 1].mean())

        opened, closed = height(self.base), height(self.base + self.head.expression["eyeBlink" + side])
        return float(np.clip(1.04 * opened / max(opened - closed, 1e-3), 1.0, 1.5))

    def _pain(self, level: float) -> dict[str, float]:
        closed = 1.0 if level > 9 else 0.0  # eyes close in strong pain
        group, left = np.zeros(3), max(0.0, min(level, 16.0) - closed)
        for _ in range(4):  # spread the rest, no group above 5
            share = self.share * (group < 5 - 1e-9)
            add = np.minimum(5 - group, left * share / max(share.sum(), 1e-9))
            group, left = group + add, left - add.sum()

        def pair(value: float, lead: bool, other: float) -> tuple[float, float]:
            return (value, value * other) if lead else (value * other, value)

        lid, cheek = pair(float(group[1]), self.lid_first, float(self.second_unit[0]))
        nose, lip = pair(float(group[2]), self.nose_first, float(self.second_unit[1]))
        mouth = {shape: value * level / 16 for shape, value in self.mouth.items()}
        return {"au4": float(group[0]), "au6": cheek, "au7": lid, "au9": nose, "au10": lip, "au43": closed, **mouth}

    def _speech(self, level: float, t: float) -> dict[str, float]:
        a, b, c = (math.sin(2 * math.pi * f * t + p) for f, p in zip((2.1, 3.3, 0.9), self.phase[:3], strict=True))
        return {
            "jawOpen": level * (0.18 + 0.16 * a + 0.06 * b),
            "mouthFunnel": level * max(0, 0.35 * b),
            "mouthPucker": level * max(0, 0.3 * c),
            "mouthLowerDown": level * max(0, 0.25 * a),
            "mouthStretch": level * max(0, -0.25 * c),
            "browInnerUp": level * max(0, 0.2 * c),
        }

    def weights(self, step: Step, t: float) -> dict[str, float]:
        """Action units and shapes of a step at t seconds, without ramps and blinks."""
        if step.name == "pain":
            return self._pain(step.level)
        if step.name == "speech":
            return self._speech(step.level, t)
        return {key: value * step.level for key, value in NEGATIVES[step.name].items()}

    def moment(self, t: float) -> Moment:
        """What is shown at t seconds: the step now running, blended over RAMP_S from the one before, with blinks."""
        k = int(np.searchsorted(self.starts, t + 1e-9, side="right")) - 1
        step, since = self.person.steps[k], t - float(self.starts[k])
        now = self.weights(step, t)
        pain = step.level if step.name == "pain" else 0.0
        if k and since < RAMP_S:
            mix = 0.5 - 0.5 * math.cos(math.pi * since / RAMP_S)
            before = self.person.steps[k - 1]
            old = self.weights(before, t)
            now = {key: old.get(key, 0.0) * (1 - mix) + now.get(key, 0.0) * mix for key in {**old, **now}}
            pain = pain * mix + (before.level if before.name == "pain" else 0.0) * (1 - mix)
        blinks = np.arange(0.5, 600, 0.9) if step.name == "blink" else self.blinks
        lid = max(0.0, 1 - float(np.abs(blinks - t).min()) / BLINK_HALF_S)
        if step.name not in ("sleep", "yawn") and now.get("au43", 0.0) < 0.5 and lid > 0:
            now["au45"] = min(1.0, 1.6 * lid)
        return Moment(step.name, pain, now)

    def pose(self, t: float) -> dict[str, float]:
        """yaw, pitch, roll (degrees), x, y, distance (cm) at t seconds, with idle movement."""
        p = self.person
        value = {name: track_at(getattr(p, name), t) for name in ("yaw", "pitch", "roll", "x", "y", "distance")}
        for name, phase in zip(("yaw", "pitch", "roll"), self.phase[3:6], strict=True):
            value[name] += p.sway * (math.sin(0.9 * t + phase) + 0.6 * math.sin(2.3 * t + 2 * phase)) / 1.6
        return value

    def vertices(self, weights: dict[str, float]) -> Points:
        """The face (v, 3) in cm with these action units and shapes."""
        total: dict[str, float] = {}
        for key, value in weights.items():
            for shape, gain in SHAPES.get(key, {key: 1.0}).items():
                total[shape] = total.get(shape, 0.0) + gain * value
        closed = min(1.0, total.pop("eyeBlink", 0.0))
        total["eyeSquint"] = min(total.get("eyeSquint", 0.0), 1.3 - 0.85 * closed)  # closed lids do not bulge
        total |= {"eyeBlink" + side: closed * gain for side, gain in self.lid_gain.items()}
        out = self.base.copy()
        for shape, value in total.items():
            if abs(value) > 1e-4:
                out += self.head.offset(shape, value, self.balance)
        for name in ("sclera_left", "sclera_right"):
            out[self.head.parts[name], 2] -= np.float32(0.3 * closed)  # linear lids would cut through the eyeball
        return out

    def occluded(self, t: float) -> bool:
        """Is the occluder there at t seconds?"""
        hides = self.person.occluder
        return hides is not None and hides.start_s <= t < hides.end_s
