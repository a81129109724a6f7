"""One expression of each kind, drawn at random as weights of action units and shapes, and the truth that goes with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wince.lab.corpus.recipe import KINDS, NO_PAIN
from wince.lab.synthesize.expression import PAIN_MOUTHS, PSPI_UNITS, pspi

Weights = dict[str, float]
Rng = np.random.Generator
FREE_MOUTH = (
    *("mouthSmile", "jawOpen", "mouthStretch", "mouthPress", "mouthFrown", "mouthFunnel", "mouthPucker", "mouthShrugLower"),
    *("mouthRollLower", "mouthDimple", "mouthLowerDown", "browInnerUp", "browOuterUp", "eyeWide"),
)
"""Shapes that a mixture adds and PSPI does not know."""


def _u(rng: Rng, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _pain(rng: Rng) -> Weights:
    """PSPI 1 to 16; how it spreads over brow, lids and nose is drawn anew each time."""
    level = _u(rng, 1, 16)
    closed = float(rng.random() < np.clip((level - 5) / 8, 0.03, 0.9))
    group, left, share = np.zeros(3), level - closed, rng.dirichlet((2, 2, 2))
    for _ in range(6):
        room = share * (group < 5 - 1e-9)
        add = np.minimum(5 - group, left * room / max(room.sum(), 1e-9))
        group, left = group + add, left - add.sum()
    out: Weights = {"au4": float(group[0]), "au43": closed}
    for value, pair in ((float(group[1]), ("au6", "au7")), (float(group[2]), ("au9", "au10"))):
        first, second = pair if rng.random() < 0.5 else pair[::-1]
        out |= {first: value, second: value * _u(rng, 0, 1)}
    mouth = rng.choice([*PAIN_MOUTHS, "none"])
    if mouth != "none":
        force = min(1.2, level / 16 + _u(rng, 0, 0.5))
        out |= {shape: value * force for shape, value in PAIN_MOUTHS[str(mouth)].items()}
    if rng.random() < 0.2:
        out["browInnerUp"] = _u(rng, 0, 0.4)
    return out


def _mixture(rng: Rng) -> Weights:
    out = {unit: 0.0 if rng.random() < 0.45 else _u(rng, 0, 5) for unit in ("au4", "au6", "au7", "au9", "au10")}
    out["au43"] = float(rng.random() < 0.2)
    return out | {str(shape): _u(rng, 0, 0.8) for shape in rng.choice(FREE_MOUTH, rng.integers(0, 4), replace=False)}


def _speech(rng: Rng) -> Weights:
    return {
        "jawOpen": _u(rng, 0, 0.42),
        "mouthFunnel": max(0.0, _u(rng, -0.35, 0.4)),
        "mouthPucker": max(0.0, _u(rng, -0.35, 0.35)),
        "mouthLowerDown": max(0.0, _u(rng, -0.2, 0.3)),
        "mouthStretch": max(0.0, _u(rng, -0.3, 0.3)),
        "browInnerUp": max(0.0, _u(rng, -0.3, 0.3)),
    }


def _smile(rng: Rng) -> Weights:
    s = _u(rng, 0.35, 1)
    return {"au6": s * _u(rng, 0, 3), "mouthSmile": s, "mouthDimple": _u(rng, 0, 0.3), "jawOpen": max(0.0, _u(rng, -0.2, 0.2))}


def _laugh(rng: Rng) -> Weights:
    s = _u(rng, 0.6, 1)
    return {"au6": _u(rng, 2, 5), "au7": _u(rng, 0, 3.5), "mouthSmile": s, "jawOpen": _u(rng, 0.2, 0.6), "mouthDimple": _u(rng, 0, 0.3),
            "au10": _u(rng, 0, 1.5), "au43": float(rng.random() < 0.3)}  # fmt: skip


def _yawn(rng: Rng) -> Weights:
    return {"au7": _u(rng, 0, 2.5), "au43": float(rng.random() < 0.7), "jawOpen": _u(rng, 0.7, 1), "browInnerUp": _u(rng, 0, 0.5),
            "mouthStretch": _u(rng, 0, 0.25), "au4": _u(rng, 0, 1)}  # fmt: skip


def _chewing(rng: Rng) -> Weights:
    side = rng.choice(["jawLeft", "jawRight"])
    return {"jawOpen": _u(rng, 0, 0.25), str(side): _u(rng, 0.1, 0.7), "mouthPress": _u(rng, 0, 0.4), "mouthRollLower": _u(rng, 0, 0.3)}


def _surprise(rng: Rng) -> Weights:
    s = _u(rng, 0.5, 1)
    return {"browInnerUp": s, "browOuterUp": s * _u(rng, 0.7, 1), "eyeWide": s * _u(rng, 0.5, 1), "jawOpen": _u(rng, 0, 0.6)}


DRAW: dict[str, Callable[[Rng], Weights]] = {
    "calm": lambda rng: {"mouthPress": _u(rng, 0, 0.1), "au43": _u(rng, 0, 0.12)},
    "neutral": lambda rng: {"mouthPress": _u(rng, 0, 0.15), "jawOpen": _u(rng, 0, 0.06), "au43": _u(rng, 0, 0.3)},
    "pain": _pain,
    "mixture": _mixture,
    "smile": _smile,
    "laugh": _laugh,
    "smile_squint": lambda rng: _smile(rng) | {"au7": _u(rng, 2, 4.5)},
    "speech": _speech,
    "blink": lambda rng: {"au43": _u(rng, 0.5, 1)},
    "sleep": lambda rng: {"au43": 1.0, "jawOpen": max(0.0, _u(rng, -0.3, 0.2))},
    "yawn": _yawn,
    "surprise": _surprise,
    "sadness": lambda rng: {"browInnerUp": _u(rng, 0.4, 1), "mouthFrown": _u(rng, 0.3, 1), "au4": _u(rng, 0, 1.5),
                            "mouthShrugLower": _u(rng, 0, 0.5)},
    "anger": lambda rng: {"au4": _u(rng, 2, 5), "au7": _u(rng, 0, 3), "mouthPress": _u(rng, 0, 0.8), "eyeWide": _u(rng, 0, 0.4)},
    "disgust": lambda rng: {"au9": _u(rng, 1.5, 5), "au10": _u(rng, 1, 4), "au4": _u(rng, 0, 2), "mouthFrown": _u(rng, 0, 0.5)},
    "squint": lambda rng: {"au7": _u(rng, 2, 5), "au6": _u(rng, 0, 3)},
    "crying": lambda rng: {"browInnerUp": _u(rng, 0.3, 0.9), "mouthFrown": _u(rng, 0.3, 0.9), "au4": _u(rng, 0.5, 2.5),
                           "au7": _u(rng, 0, 2), "jawOpen": _u(rng, 0, 0.3), "au43": float(rng.random() < 0.4)},
    "chewing": _chewing,
}  # fmt: skip
"""Per kind, weights of action units (0-5, AU43 0-1) and shapes (0-1)."""


def kind_of(rng: Rng, kinds: dict[str, float] = KINDS) -> str:
    """One kind by the recipe's shares."""
    shares = np.array(list(kinds.values()))
    return str(rng.choice(list(kinds), p=shares / shares.sum()))


def truth(kind: str, weights: Weights) -> dict[str, float]:
    """Units, PSPI and gated activity (0-16) of drawn weights. AU12 and AU25-27 are read off the mouth's shapes, linear, 0-5."""
    jaw, parted = weights.get("jawOpen", 0.0), weights.get("mouthLowerDown", 0.0)
    out = {unit: weights.get(unit, 0.0) for unit in PSPI_UNITS}
    out["au12"] = min(5.0, weights.get("mouthSmile", 0.0) * 5)
    out["au25"] = min(5.0, (jaw + 0.6 * parted) * 8)
    out["au26"] = min(5.0, jaw * 8)
    out["au27"] = min(5.0, max(0.0, jaw - 0.55) * 11)
    out["pspi"] = pspi(weights)
    out["gated"] = 0.0 if kind in NO_PAIN else out["pspi"]
    return out
