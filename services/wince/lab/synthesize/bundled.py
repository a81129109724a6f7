"""The three clips that ship with Wince and play as bedside cameras in `wince run`: their recipe, and how they are remade.

    wince lab synthesize --bundled OUT

The persons are adults of different tones. Times allow a calm face to be learned first; what is shown is in each purpose.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wince.lab.synthesize.clip import draw_clip, writing
from wince.lab.synthesize.expression import parse_timeline
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import Person
from wince.lab.synthesize.scene import LIGHTS, Scene, TruthRow

FPS = 10
PAIN_LEVEL = 3.0
"""From this level on the index calls an interval pain."""
DARK = 40.0
"""Face brightness below which the index calls an interval dark."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All arguments of one clip."""

    purpose: str
    person: Person
    scene: Scene


CLIPS: dict[str, Recipe] = {
    "bed1": Recipe(
        "calm, rising pain, calm",
        Person(
            seed=1117, tone=2, age=0.8, steps=parse_timeline("neutral:6,pain7:4,pain13:5,neutral:7"), pitch=((0, 0.0), (12, 3.0), (22, 0.0))
        ),
        Scene(background="bed", seed=11),
    ),
    "bed2": Recipe(
        "calm, speech and a smile: no pain",
        Person(
            seed=1229, tone=5, age=0.3, steps=parse_timeline("neutral:5,speech:6,smile:5,neutral:6"), yaw=((0, -4.0), (8, 6.0), (22, 0.0))
        ),
        Scene(background="bed", light=LIGHTS["soft"], seed=12),
    ),
    "bed3": Recipe(
        "calm; the light goes out from 7 to 19 s; calm again",
        Person(seed=1303, tone=4, age=0.55, steps=parse_timeline("neutral:24"), roll=((0, 4.0), (24, -3.0))),
        Scene(background="bed", seed=13, exposure=((0, 1.0), (6.5, 1.0), (7, 0.02), (19, 0.02), (19.5, 1.0))),
    ),
}


def bundled(
    out_dir: Path, head: Head, progress: Callable[[str, int, int], None] = lambda _name, _done, _all: None
) -> dict[str, list[TruthRow]]:
    """Make NAME.mp4 and NAME.csv of every clip and index.json in `out_dir`, which must exist. Same software: same bytes.
    Gives each clip's truth by name.

    `progress`: told after every picture, with the clip's name, how many are drawn, of how many.
    """
    index: dict[str, Any] = {}
    drawn: dict[str, list[TruthRow]] = {}
    for name, recipe in CLIPS.items():
        drawn[name] = rows = draw_clip(
            out_dir / f"{name}.mp4", [recipe.person], head=head, scene=recipe.scene, fps=FPS, progress=partial(progress, name)
        )
        index[name] = describe(recipe, rows)
    body = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in index.items())
    with writing(out_dir / "index.json"):
        (out_dir / "index.json").write_text("{\n" + body + "\n}\n", encoding="utf-8")
    return drawn


def describe(recipe: Recipe, rows: Sequence[TruthRow]) -> dict[str, Any]:
    """What the index says of a clip: purpose, frames, size; intervals in seconds with pain, visible, dark; the highest PSPI."""
    person = {
        "pain": _intervals(rows, lambda row: float(row["pain_level"]) >= PAIN_LEVEL),
        "visible": _intervals(rows, lambda row: row["visible"] == 1),
        "highest_pspi": max(float(row["pspi"]) for row in rows),
    }
    dark = _intervals(rows, lambda row: row["visible"] == 1 and float(row["brightness"]) < DARK)
    size = list(recipe.scene.size)
    return {"purpose": recipe.purpose, "frames": len(rows), "fps": FPS, "size": size, "people": [person], "dark": dark}


def _intervals(rows: Sequence[TruthRow], wanted: Callable[[TruthRow], bool]) -> list[list[float]]:
    """[start, end) seconds of the runs of rows for which `wanted` holds."""
    runs: list[list[float]] = []
    for row in rows:
        t = float(row["time"])
        if not wanted(row):
            continue
        if runs and abs(runs[-1][1] - t) < 1e-6:
            runs[-1][1] = round(t + 1 / FPS, 3)
        else:
            runs.append([t, round(t + 1 / FPS, 3)])
    return runs
