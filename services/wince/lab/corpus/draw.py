"""Draws persons and stores what the face models see: SEED.npz each, written whole or not at all, so that a run can be taken up again.

draw_corpus(Path("corpus"), Path("ict_head.npz"), TRAIN, jobs=4)
"""

from __future__ import annotations

import errno
import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.errors import ResourceError
from wince.lab.corpus.expressions import truth
from wince.lab.corpus.looks import look as look_of
from wince.lab.corpus.looks import varied
from wince.lab.corpus.looks_camera import photographed
from wince.lab.corpus.plan import Camera, Still, plan
from wince.lab.corpus.recipe import UNITS, VERSION
from wince.lab.corpus.unseen import STYLE, UNSEEN, moved
from wince.lab.synthesize.covers import Face, cover
from wince.lab.synthesize.gl import USUAL, Renderer, Style
from wince.lab.synthesize.head import Head, load_head
from wince.lab.synthesize.person import Actor, Moment, Person
from wince.models.fetch import path
from wince.pipeline.detect.align import GREY, grey
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.geometry import region_from_detection, region_from_landmarks
from wince.pipeline.detect.interface import FaceModels, Mesh
from wince.pipeline.estimate.blendshapes import Blendshapes

Picture = NDArray[np.uint8]
CROP = GREY
"""Side of the grey crop, pixels; it shows the mesh's region."""
PAINTED = {"hand": "hand", "bandage": "eyes", "pillow": "half"}
"""Covers that are laid over the finished picture, by their name in occlusion_paint."""


class _Sitter(Actor):
    """A person who holds still: frame t shows still number t."""

    stills: list[Still]

    def moment(self, t: float) -> Moment:
        """What still t shows; without stills (who stands beside) a neutral face."""
        if not (still := self._still(t)):
            return super().moment(0.5)
        return Moment(still.kind, 0.0, still.weights)

    def pose(self, t: float) -> dict[str, float]:
        """The pose of still t."""
        still = self._still(t)
        return dict(still.pose) if still else super().pose(t)

    def occluded(self, t: float) -> bool:
        """Whether still t has this person's drawn cover."""
        still, mine = self._still(t), self.person.occluder
        return still is not None and mine is not None and still.cover == mine.kind

    def _still(self, t: float) -> Still | None:
        return self.stills[round(t)] if self.stills else None


def developed(picture: Picture, camera: Camera) -> Picture:
    """The picture as that camera gives it: white balance, gamma, grey, JPEG."""
    value = np.clip(picture / 255.0 * camera.gains, 0, 1) ** camera.gamma
    if camera.grey:
        value = np.repeat(value.mean(axis=2, keepdims=True), 3, axis=2)
    done, data = cv2.imencode(".jpg", (value[..., ::-1] * 255 + 0.5).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])
    if not done:
        raise ResourceError("OpenCV could not compress a picture", field="jpeg")
    back = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if back is None:
        raise ResourceError("OpenCV could not read back a picture", field="jpeg")
    return np.ascontiguousarray(back[..., ::-1]).astype(np.uint8)


def pictures(seed: int, head: Head) -> Iterable[tuple[Still, Picture, NDArray[np.float64]]]:
    """Each still of a person with its picture RGB and the truth's nose tip (2,), before painted covers."""
    people, stills = plan(seed)
    if seed in UNSEEN:
        return shown(people, stills, moved(head, seed), STYLE)
    if varied(seed):
        mine = look_of(seed, head)
        return shown(people, stills, mine.head, mine.style, lambda picture, still, number: photographed(
            picture, seed, number, still.condition == "degraded"
        ))  # fmt: skip
    return shown(people, stills, head)


def shown(
    people: list[Person],
    stills: list[Still],
    head: Head,
    style: Style = USUAL,
    camera: Callable[[Picture, Still, int], Picture] = lambda picture, still, number: developed(picture, still.camera),
) -> Iterable[tuple[Still, Picture, NDArray[np.float64]]]:
    """The first person's stills as `pictures` gives them; the background of all is that of the first. `camera` takes each picture, its
    still and its number."""

    def sitter(person: Person, head: Head) -> Actor:
        actor = _Sitter(person, head)
        actor.stills = stills if person.seed == people[0].seed else []
        return actor

    with Renderer(people, head, stills[0].scene, sitter, style) as renderer:
        for number, still in enumerate(stills):
            renderer.relight(still.scene)
            picture, rows = renderer.frame(number, float(number))
            yield still, camera(picture, still, number), np.array([float(rows[0]["nose_x"]), float(rows[0]["nose_y"])])


@cache
def face_models() -> tuple[FaceModels, Blendshapes]:
    """Detector and mesh, and the blendshapes, once per process. Raises ModelFileError where one is absent."""
    return load_face_models(), Blendshapes(path("face_blendshapes"))


def look(models: FaceModels, picture: Picture, nose: NDArray[np.float64]) -> tuple[Mesh | None, int]:
    """The mesh of the face whose nose lies nearest the truth's, settled, and how many faces were found."""
    found = models.detector.find(picture)
    if not found:
        return None, 0
    best = min(found, key=lambda one: float(np.linalg.norm(one.points[2] - nose)))
    if np.linalg.norm(best.points[2] - nose) > 0.5 * (best.box[2] - best.box[0]):
        return None, len(found)
    mesh = models.mesh.fit(picture, region_from_detection(best))
    return models.mesh.fit(picture, region_from_landmarks(mesh.landmarks)), len(found)


def person_arrays(seed: int, head: Head) -> dict[str, NDArray[Any]]:
    """One person's file: per still `found`, `seen`, features (n, 128, 8, 8) f2, landmarks (n, 478, 3) f4, blendshapes (n, 52) f4,
    crop (n, 64, 64) u1, the truth by name, kind, condition, cover, pose; per person tone, version."""
    models, shapes = face_models()
    columns: dict[str, list[Any]] = {}
    rng = np.random.default_rng([seed, 12])
    as_shown = look_of(seed, head).shown if varied(seed) else dict
    for still, drawn, nose in pictures(seed, head):
        picture = drawn
        mesh, seen = look(models, picture, nose)
        if mesh is not None and still.cover in PAINTED:
            picture = cover(Face(picture, mesh.landmarks, rng), PAINTED[still.cover])
            mesh, seen = look(models, picture, nose)
        row: dict[str, Any] = truth(still.kind, as_shown(still.weights)) | {key: still.pose[key] for key in ("yaw", "pitch", "roll")}
        row |= {"kind": still.kind, "condition": still.condition, "cover": still.cover, "found": mesh is not None, "seen": seen}
        row["pressed"] = still.weights.get("mouthPress", 0.0) > 0.1 and still.kind == "pain"
        row["exposure"], row["side_light"] = float(np.mean(still.scene.exposure)), abs(still.scene.light.direction[0]) > 0.6
        row["landmarks"] = mesh.landmarks if mesh else np.zeros((478, 3), np.float32)
        row["features"] = mesh.features if mesh else np.zeros((128, 8, 8), np.float16)
        row["presence"] = mesh.presence if mesh else 0.0
        row["blendshapes"] = shapes.read(mesh.landmarks) if mesh else np.zeros(52, np.float32)
        row["crop"] = grey(picture, region_from_landmarks(mesh.landmarks)) if mesh else np.zeros((CROP, CROP), np.uint8)
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    arrays = {name: np.array(values) for name, values in columns.items()}
    for name in (*UNITS, "pspi", "gated", "yaw", "pitch", "roll", "exposure", "presence"):
        arrays[name] = arrays[name].astype(np.float32)
    return arrays | {"tone": np.array(plan(seed)[0][0].tone), "version": np.array(VERSION), "seed": np.array(seed)}


def draw_person(folder: Path, head: Head, seed: int) -> None:
    """Write folder/SEED.npz unless it is there. Raises ResourceError where it can't be written; then nothing is left behind."""
    out = folder / f"{seed}.npz"
    if out.exists():
        return
    arrays, part = person_arrays(seed, head), folder / f"{seed}.part"
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        what = "the disk is full" if error.errno == errno.ENOSPC else f"can't write ({type(error).__name__})"
        raise ResourceError(f"corpus: {what}", field=folder, remedy="make room and run it again; what is drawn stays") from error


def _draw_some(folder: Path, head_file: Path | None, seed: int) -> int:
    draw_person(folder, _head(head_file), seed)
    return seed


@cache
def _head(head_file: Path | None) -> Head:
    return load_head(head_file)


def draw_corpus(
    folder: Path, head_file: Path | None, seeds: Iterable[int], *, jobs: int = 1, progress: Callable[[int], None] = lambda seed: None
) -> None:
    """Draw what the folder lacks of `seeds`; `progress` hears each seed that is done. Same seeds and software: same content.

    `jobs` above 1: that many processes, spawned. Raises DataError for the head, ResourceError for disk or graphics.
    """
    load_head(head_file)  # a missing head is told before anything starts
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [seed for seed in seeds if not (folder / f"{seed}.npz").exists()]
    if jobs <= 1:
        for seed in wanted:
            progress(_draw_some(folder, head_file, seed))
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = [pool.submit(_draw_some, folder, head_file, seed) for seed in wanted]
        try:
            for future in as_completed(futures):
                progress(future.result())
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
