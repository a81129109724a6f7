"""Action units, the shapes they move, and the expressions made of them. All of it is data.

The numbers are the generator's weights on a scale of our choice, linear in the shape weight: not codes given by a FACS
expert. `noseSneer` also lowers the brows a little, so units are not independent in the picture.
"""

import re
from dataclasses import dataclass

from wince.errors import DataError

SHAPES: dict[str, dict[str, float]] = {
    "au4": {"browDown": 0.30},
    "au6": {"cheekSquint": 0.20, "cheekRaiser": 0.12},
    "au7": {"eyeSquint": 0.20, "eyeBlink": 0.05},
    "au9": {"noseSneer": 0.20},
    "au10": {"mouthUpperUp": 0.14},
    "au43": {"eyeBlink": 1.0},
    "au45": {"eyeBlink": 1.0},
}
"""What one unit of each action unit adds to the head's shapes, left and right alike. AU4-AU10: 0-5, AU43 and AU45 (blink): 0-1."""

NEGATIVES: dict[str, dict[str, float]] = {
    "neutral": {},
    "blink": {},
    "speech": {},
    "smile": {"au6": 2.0, "mouthSmile": 0.85, "mouthDimple": 0.25},
    "yawn": {"au7": 1.5, "au43": 1.0, "jawOpen": 0.95, "browInnerUp": 0.35, "mouthStretch": 0.15},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.8, "jawOpen": 0.35},
    "sleep": {"au43": 1.0},
}
"""What must not be called pain, at strength 1; keys are action units or shapes. Speech moves (person.py), blink closes lids often."""

PAIN_MOUTHS: dict[str, dict[str, float]] = {
    "open": {"jawOpen": 0.35, "mouthStretch": 0.3},
    "stretched": {"mouthStretch": 0.7, "jawOpen": 0.12},
    "pressed": {"mouthPress": 0.6, "mouthShrugLower": 0.4},
}
"""What the mouth does in pain, at PSPI 16. Each person has one of them."""

PSPI_UNITS = ("au4", "au6", "au7", "au9", "au10", "au43")
PSPI_MAX = 16.0
LONGEST_S = 3600.0
"""A timeline longer than an hour is a mistake."""


@dataclass(frozen=True, slots=True)
class Step:
    """One expression for some seconds."""

    name: str
    """"pain", or a key of NEGATIVES."""
    seconds: float
    level: float = 1.0
    """For pain the PSPI aimed at (0-16), else a strength (0-1)."""

    def __post_init__(self) -> None:
        if self.name != "pain" and self.name not in NEGATIVES:
            raise DataError(f"unknown expression {self.name!r}", field="timeline", remedy=f"one of pain, {', '.join(NEGATIVES)}")
        if not 0 < self.seconds <= LONGEST_S:
            raise DataError(f"a step of {self.seconds} s", field="timeline", remedy=f"above 0, at most {LONGEST_S:.0f} s")
        top = PSPI_MAX if self.name == "pain" else 1.0
        if not 0 <= self.level <= top:
            raise DataError(f"{self.name} at level {self.level}", field="timeline", remedy=f"0 to {top:.0f}")


def parse_timeline(text: str) -> tuple[Step, ...]:
    """Read "neutral:4,pain12:5": NAME[LEVEL]:SECONDS, ... (pain without a level is 12). Raises DataError.

    >>> parse_timeline("smile:2")
    (Step(name='smile', seconds=2.0, level=1.0),)
    """
    steps = []
    for part in text.split(","):
        match = re.fullmatch(r"([a-z]+)(\d+\.?\d*|\.\d+)?:(\d+\.?\d*|\.\d+)", part.strip())
        if match is None:
            raise DataError(f"bad step {part.strip()!r}", field="timeline", remedy="NAME[LEVEL]:SECONDS, such as pain12:5")
        level = float(match[2]) if match[2] else (12.0 if match[1] == "pain" else 1.0)
        steps.append(Step(match[1], float(match[3]), level))
    return tuple(steps)


def pspi(units: dict[str, float]) -> float:
    """Prkachin-Solomon pain intensity 0-16 of unit weights: AU4 + max(AU6, AU7) + max(AU9, AU10) + [AU43 >= 0.5].

    >>> pspi({"au4": 2, "au6": 1, "au7": 3, "au43": 1})
    6.0
    """

    def get(name: str) -> float:
        return units.get(name, 0.0)

    return float(get("au4") + max(get("au6"), get("au7")) + max(get("au9"), get("au10")) + (round(get("au43"), 3) >= 0.5))
