"""Fit the probe that says whether a face is covered (pipeline/detect/occlusion.py), on drawn heads only.

    python -m wince.lab.occlusion_fit --head ict_head.npz occlusion_probe.npy

About ten minutes on two cores. Prints, for the identities that were held out, how many pictures of each kind are called covered; the
weights that it writes are then fitted on all of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wince.lab.occlusion_paint import COVERS, FREE, Face, Picture, cover, decorate
from wince.lab.synthesize.clip import draw_frames
from wince.lab.synthesize.expression import Step
from wince.lab.synthesize.head import Head, load_head
from wince.lab.synthesize.person import Occluder, Person
from wince.lab.synthesize.scene import LIGHTS, Scene
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.detect.interface import FaceModels, Mesh, Region
from wince.pipeline.detect.occlusion import bands

SEEDS, HELD_OUT = range(33000, 33090), range(33070, 33090)
"""90 persons; none of them appears in a test or in a clip."""
TIMES = (0.5, 1.8, 2.8, 3.8)
RIDGE = 0.03
EXPRESSIONS = ("pain", "smile", "speech", "yawn", "sleep", "surprise")
Row = tuple[int, str, bool, NDArray[np.float32]]
"""(seed, kind, covered, bands)."""


def person_and_scene(seed: int, occluder: str) -> tuple[Person, Scene]:
    """Pose up to yaw 30, pitch 15, roll 40 degrees; every light; exposure .25 to 1.3; three expressions after a calm second."""
    rng = np.random.default_rng([seed, 9])
    names = rng.permutation(EXPRESSIONS)[:3]
    steps = (Step("neutral", 1), *(Step(str(n), 1, float(rng.integers(4, 16)) if n == "pain" else 1.0) for n in names))
    yaw = float(rng.uniform(-30, 30))
    person = Person(
        seed, steps, tone=int(rng.integers(1, 7)), yaw=((0.0, yaw), (4.0, -yaw)), pitch=float(rng.uniform(-15, 15)),
        roll=float(rng.uniform(-40, 40)), x=float(rng.uniform(-8, 8)), distance=float(rng.uniform(65, 130)),
        occluder=Occluder(occluder) if occluder else None,
    )  # fmt: skip
    light = list(LIGHTS.values())[rng.integers(len(LIGHTS))]
    background = ("ward", "bed")[rng.integers(2)]
    exposure, noise = float(np.exp(rng.uniform(np.log(0.25), np.log(1.3)))), float(rng.uniform(0, 5))
    return person, Scene(light=light, background=background, exposure=exposure, noise=noise, blur=float(rng.choice([0, 0, 0.8])), seed=seed)


def corpus(head: Head, seeds: Sequence[int] = SEEDS) -> Iterator[Row]:
    """Drawn free faces, faces in oxygen masks, and free faces with three covers and two decorations each."""
    models = load_face_models()
    for seed in seeds:
        for occluder in ("", "mask"):
            person, scene = person_and_scene(seed, occluder)
            for number, (picture, _) in enumerate(draw_frames([person], head=head, scene=scene, times=TIMES)):
                found = models.detector.find(picture)
                if not found:
                    continue
                mesh = _settle(models, picture, region_from_detection(found[0]))
                yield seed, occluder or "plain", bool(occluder), bands(mesh.features)
                if not occluder:
                    yield from _painted(models, seed, number, picture, mesh)


def _painted(models: FaceModels, seed: int, number: int, picture: Picture, mesh: Mesh) -> Iterator[Row]:
    rng, region = np.random.default_rng([seed, number]), region_from_landmarks(mesh.landmarks)
    for kind in (*rng.choice(COVERS, 3), *rng.choice(FREE, 2)):
        covered = kind in COVERS
        changed = (cover if covered else decorate)(Face(picture, mesh.landmarks, rng), str(kind))
        yield seed, str(kind), covered, bands(_settle(models, changed, region).features)


def _settle(models: FaceModels, picture: Picture, region: Region) -> Mesh:
    mesh = models.mesh.fit(picture, region)
    return models.mesh.fit(picture, region_from_landmarks(mesh.landmarks))


def fit(x: NDArray[np.float64], covered: NDArray[np.bool_], ridge: float = RIDGE) -> NDArray[np.float32]:
    """Logistic ridge by Newton's method, both classes of equal weight. x (n, k); gives k weights for raw x, then the bias."""
    mean, spread = x.mean(axis=0), x.std(axis=0) + 1e-3
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    share = np.where(covered, 0.5 / covered.mean(), 0.5 / (~covered).mean()) / len(covered)
    penalty = np.full(z.shape[1], ridge)
    penalty[-1] = 1e-9
    w = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(z @ w, -60, 60)))
        gradient = z.T @ (share * (p - covered)) + penalty * w
        hessian = (z * (share * p * (1 - p))[:, None]).T @ z + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        w -= step
        if np.abs(step).max() < 1e-6:
            break
    raw = w[:-1] / spread
    return np.append(raw, w[-1] - raw @ mean).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw, fit, report, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--head", type=Path)
    options = parser.parse_args(arguments)
    rows = list(corpus(load_head(options.head)))
    x, covered = np.array([row[3] for row in rows], np.float64), np.array([row[2] for row in rows])
    held, kinds = np.array([row[0] in HELD_OUT for row in rows]), np.array([row[1] for row in rows])
    probe = fit(x[~held], covered[~held])
    called = x @ probe[:-1] + probe[-1] > 0
    print(f"{len(rows)} pictures, {held.sum()} of them held out")
    for kind in sorted(set(kinds)):
        mine = held & (kinds == kind)
        print(f"{kind:10} {mine.sum():4} held out, called covered: {called[mine].mean():.3f}")
    print(f"free called covered {called[held & ~covered].mean():.3f}, covered found {called[held & covered].mean():.3f}")
    with options.out.open("wb") as file:
        np.save(file, fit(x, covered), allow_pickle=False)


if __name__ == "__main__":
    main()
