"""The rendered faces that the first scorer's weights are fitted on: who, what they show, and what the face models see of it.

One file per person, so that a run that was cut off goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.lab.synthesize.clip import draw_frames
from wince.lab.synthesize.expression import parse_timeline
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import Person, Track
from wince.lab.synthesize.scene import LIGHTS, Light, Scene
from wince.models.fetch import path
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.estimate.blendshapes import Blendshapes

SEEDS = range(30001, 30049)
"""48 persons; none of them appears in a test."""
STEPS = parse_timeline(
    "neutral:2,pain2:2,neutral:2,pain4:2,speech:4,pain6:2,smile:2,pain8:2,yawn:2,pain10:2,surprise:2,pain12:2,sleep:2,pain14:2,"
    "smile.6:2,pain5:2,blink:2,pain16:2,speech.7:4,pain3:2,neutral:2"
)
"""Every person shows all of this."""
TRUTH = ("pain_level", "au4", "au6", "au7", "au9", "au10", "au43", "au45", "pspi", "yaw", "pitch", "roll")


def still_times() -> list[float]:
    """Seconds at which the timeline is drawn: two stills a step, six of speech, after the ramp."""
    times, start = [], 0.0
    for step in STEPS:
        times += [start + t for t in ((1.0, 1.6) if step.seconds == 2 else (0.9, 1.3, 1.7, 2.3, 2.9, 3.5))]
        start += step.seconds
    return times


def person_and_scene(seed: int) -> tuple[Person, Scene]:
    """Face, tone, age, pose (yaw sigma 9, pitch 4, roll 6 degrees), distance, light, exposure, noise and blur, drawn by seed."""
    rng = np.random.default_rng([seed, 5])
    frames = np.arange(0, sum(step.seconds for step in STEPS) + 3, 3.0)

    def wander(spread: float) -> Track:
        values = np.clip(rng.normal(0, spread, len(frames)), -2.2 * spread, 2.2 * spread)
        return tuple((float(t), float(v)) for t, v in zip(frames, values, strict=True))

    rng.random()  # a draw that is no longer used; without it every face below would be another
    person = Person(
        seed,
        STEPS,
        tone=int(rng.integers(1, 7)),
        age=float(rng.uniform(0, 1)),
        yaw=wander(9),
        pitch=wander(4),
        roll=wander(6),
        x=float(rng.uniform(-8, 8)),
        distance=float(rng.uniform(70, 110)),
    )
    lamp = list(LIGHTS.values())[rng.integers(len(LIGHTS))]
    direction = np.array(lamp.direction) + rng.normal(0, 0.2, 3)
    ambient, strength = lamp.ambient * rng.uniform(0.8, 1.2), lamp.strength * rng.uniform(0.85, 1.1)
    scene = Scene(
        light=Light((float(direction[0]), float(direction[1]), float(direction[2])), float(ambient), float(strength)),
        background=("ward", "bed")[rng.integers(2)],
        exposure=float(rng.uniform(0.7, 1.15)),
        noise=float(rng.uniform(1, 5)),
        blur=float(rng.choice([0, 0, 0.6, 1])),
        seed=seed,
    )
    return person, scene


def draw_corpus(out_dir: Path, head: Head, seeds: Iterable[int] = SEEDS) -> None:
    """Write SEED.npz per person that is not there yet: lm (n, 478, 3), bs (n, 52), name (n,), TRUTH (n,) each, tone.

    Stills on which no face is found are left out. Raises what drawing and the face models raise.
    """
    models, blendshapes = load_face_models(), Blendshapes(path("face_blendshapes"))
    for seed in seeds:
        out = out_dir / f"{seed}.npz"
        if out.exists():
            continue
        person, scene = person_and_scene(seed)
        points, shapes, rows = [], [], []
        for image, (row,) in draw_frames([person], head=head, scene=scene, times=still_times()):
            if found := models.detector.find(image):
                mesh = models.mesh.fit(image, region_from_detection(found[0]))
                mesh = models.mesh.fit(image, region_from_landmarks(mesh.landmarks))
                points.append(mesh.landmarks)
                shapes.append(blendshapes.read(mesh.landmarks))
                rows.append(row)
        arrays: dict[str, NDArray[Any]] = {name: np.array([float(row[name]) for row in rows]) for name in TRUTH}
        arrays |= {"lm": np.stack(points), "bs": np.stack(shapes), "tone": np.array(person.tone)}
        arrays["name"] = np.array([row["expression"] for row in rows])
        part = out.with_suffix(".part.npz")
        np.savez(part, allow_pickle=False, **arrays)
        part.replace(out)
