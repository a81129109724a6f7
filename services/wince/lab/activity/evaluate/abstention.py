"""Does the whole face chain know when it can't see? `wince lab evaluate abstention`

Each person is drawn once a cause, stored as PNG and judged by the engine of `wince assess` with the default protocol, as a still.

    clear               yaw to 30 degrees, pitch and roll as at rest, nothing over the face: should be found and assessable
    mask                an oxygen mask, near frontal
    hand, eyes, pillow  painted over the finished picture: a hand on mouth or brow, a bandage over the eyes, a pillow over one half
    dark                exposure DARK of the usual
    turned              yaw 50 to 85 degrees
    upside_down         roll 150 to 210 degrees
    empty, back         the room without a head; the head's back (yaw 150 to 210): no face

Person, tone, age, lamp, room, camera and expression are drawn as the corpus draws them (plan.py), from seeds of no part of it. No limit
was chosen on these pictures. Drawn faces: what it says of real rooms has to be seen there.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.assess.engine import Engine
from wince.domain.reason import Reason
from wince.errors import ResourceError
from wince.lab.corpus.draw import PAINTED, Picture, face_models, look, shown
from wince.lab.corpus.expressions import DRAW, kind_of
from wince.lab.corpus.plan import Still, plan
from wince.lab.synthesize.covers import Face, cover
from wince.lab.synthesize.head import Head, load_head
from wince.lab.synthesize.person import Occluder, Person
from wince.protocols import loader
from wince.serve import protocols
from wince.settings import Settings

PERSONS = range(49000, 49060)
DARK = (0.005, 0.02)
"""Scene.exposure; at .02 the picture is nearly black."""
ABSENT = (Reason.NONE, Reason.NO_FRAME)
CAUSES: dict[str, tuple[Reason, ...]] = {
    "clear": (), "mask": (Reason.COVERED,), "hand": (Reason.COVERED,), "eyes": (Reason.COVERED,), "pillow": (Reason.COVERED,),
    "dark": (Reason.DARK,), "turned": (Reason.TURNED,), "upside_down": (Reason.UPSIDE_DOWN,), "empty": ABSENT, "back": ABSENT,
}  # fmt: skip
"""By name, the reasons that say what is the case. No face found is right of every cause, and counted apart."""
_COVERS = {"hand": "hand", "eyes": "bandage", "pillow": "pillow"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the engine said of one picture."""

    cause: str
    assessable: bool
    reason: str
    """Empty where there is none."""
    tone: int
    believed: bool
    """Assessable, and the number is believed: a grade stands beside it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cause."""

    pictures: int
    assessable: float
    """Share."""
    right: float
    """Share whose reason is the cause's; of `clear` the share that gets a grade."""
    reasons: dict[str, int]
    """Pictures by reason; "" for none."""


def causes(seed: int) -> tuple[list[Person], list[tuple[str, Still]]]:
    """The person and one still per cause. Pure: same seed, same plan."""
    people, stills = plan(seed)
    rng = np.random.default_rng([seed, 31])
    person = replace(people[0], occluder=Occluder("mask"))
    usual = [still for still in stills if still.condition == "plain"]
    out = []
    for number, cause in enumerate(CAUSES):
        still = usual[number % len(usual)]
        kind = kind_of(rng)
        pose, scene, covered = dict(still.pose), replace(still.scene, background=stills[0].scene.background), "none"
        if cause == "clear":
            pose["yaw"] = float(rng.uniform(-30, 30))
        elif cause == "turned":
            pose["yaw"] = float(rng.choice([-1, 1]) * rng.uniform(50, 85))
        elif cause == "back":
            pose["yaw"] = float(rng.uniform(150, 210))
        elif cause == "upside_down":
            pose["roll"] = float(rng.uniform(150, 210))
        elif cause == "empty":
            pose["x"] = 120.0
        elif cause == "dark":
            scene = replace(scene, exposure=float(rng.uniform(*DARK)))
        else:
            covered = _COVERS.get(cause, cause)
        out.append((cause, replace(still, kind=kind, weights=DRAW[kind](rng), pose=pose, scene=scene, cover=covered)))
    return [person], out


def drawn(seed: int, head: Head) -> Iterable[tuple[str, int, Picture]]:
    """Cause, tone and picture RGB of each of a person's stills. A cover that can't be painted, since no face is found, is left out."""
    people, planned = causes(seed)
    rng = np.random.default_rng([seed, 32])
    for (cause, still), (_, picture, nose) in zip(planned, shown(people, [still for _, still in planned], head), strict=True):
        made = picture if still.cover not in PAINTED else _covered(picture, nose, PAINTED[still.cover], rng)
        if made is not None:
            yield cause, people[0].tone, made


def _covered(picture: Picture, nose: NDArray[np.float64], kind: str, rng: np.random.Generator) -> Picture | None:
    mesh, _ = look(face_models()[0], picture, nose)
    return None if mesh is None else cover(Face(picture, mesh.landmarks, rng), kind)


def judge(engine: Engine, picture: Picture, cause: str, tone: int, folder: Path) -> Judgement:
    """As `wince assess` judges the picture as a file."""
    file = folder / "still.png"
    if not cv2.imwrite(str(file), picture[..., ::-1]):
        raise ResourceError("the picture can't be written", field=file)
    rows = engine.assess(file).frames
    first = rows[0] if rows else None
    if first is None:
        return Judgement(cause, False, Reason.NO_FRAME, tone, False)
    return Judgement(cause, first.assessable, first.reason or "", tone, first.grade is not None)


def table(judged: Iterable[Judgement]) -> dict[str, Row]:
    """Per cause its row, in the order of CAUSES; a cause without a picture is left out. Pure."""
    all_, out = list(judged), {}
    for cause, reasons in CAUSES.items():
        mine = [picture for picture in all_ if picture.cause == cause]
        if not mine:
            continue
        right = [picture.believed if cause == "clear" else not picture.assessable and picture.reason in reasons for picture in mine]
        counts = Counter(picture.reason for picture in mine)
        assessable = sum(picture.assessable for picture in mine) / len(mine)
        out[cause] = Row(len(mine), assessable, sum(right) / len(mine), dict(sorted(counts.items())))
    return out


def measure(
    settings: Settings, head_file: Path | None, seeds: Iterable[int] = PERSONS, progress: Callable[[int], None] = lambda seed: None
) -> list[Judgement]:
    """Draw and judge. `progress` hears each person's seed. Raises DataError (the head), ResourceError (graphics, disk), ModelFileError."""
    head = load_head(head_file)
    engine = Engine(settings, loader.load("activity", protocols.folders(settings)))
    out = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            out += [judge(engine, picture, cause, tone, Path(folder)) for cause, tone, picture in drawn(seed, head)]
            progress(seed)
    return out
