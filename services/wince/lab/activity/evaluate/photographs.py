"""What the installed scorer says of real faces with an emotion's label: `wince lab evaluate photographs`.

FER+ (labels MIT, pictures of unclear rights: never ship or show them): 48 x 48 grey faces, ten votes each. Nothing is tuned on it, and
no emotion is pain; what it can show is a scorer that reads happiness as pain. A class's rows: majority of at least MAJORITY votes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from wince.errors import DataError
from wince.lab.arrays import read_arrays
from wince.lab.corpus.draw import face_models, look
from wince.models.activity import Ensemble, load
from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.pipeline.detect.align import grey
from wince.pipeline.detect.geometry import region_from_landmarks
from wince.pipeline.estimate.activity_inputs import inputs

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
MAJORITY = 6
README = "see its README"
PER_CLASS = 150
SHOWN, PADDED = 256, 384
"""Sides in pixels: of the enlarged face, and of the grey square it stands in, so that the detector has room."""
HIGH, SMILING, SURE = 3.5, 0.45, 0.5
"""As in protocols/activity.toml: grade high, a smile that makes it a conflict, least confidence."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Faces that the mesh found, n rows."""

    label: NDArray[np.str_]
    landmarks: NDArray[np.float32]
    features: NDArray[np.float16]
    blendshapes: NDArray[np.float32]
    grey: NDArray[np.uint8]


def find_faces(folder: Path, split: str = "test", per_class: int = PER_CLASS) -> tuple[Faces, dict[str, int]]:
    """The first `per_class` faces of each class, and how many were looked at. Raises DataError where the pack is absent or spoilt."""
    labels = read_arrays(folder / "labels.npz", "isn't the FER+ pack", field=folder, remedy=README)
    try:
        rows = labels["split"] == list(labels["split_names"]).index(split)
        votes = labels["votes"][rows]
        with Image.open(folder / f"images_{split}.png") as strip:
            pictures = np.asarray(strip).reshape(-1, 48, 48)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"isn't the FER+ pack ({type(error).__name__})", field=folder, remedy=README) from error
    models, shapes = face_models()
    columns: dict[str, list[Any]] = {"label": [], "landmarks": [], "features": [], "blendshapes": [], "grey": []}
    asked: dict[str, int] = {}
    for number, name in enumerate(CLASSES):
        chosen = np.flatnonzero(votes[:, number] >= MAJORITY)[:per_class]
        asked[name] = len(chosen)
        for row in chosen:
            edge = (PADDED - SHOWN) // 2
            large = cv2.resize(pictures[row], (SHOWN, SHOWN), interpolation=cv2.INTER_CUBIC)
            padded = cv2.copyMakeBorder(large, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
            picture = np.asarray(cv2.cvtColor(padded, cv2.COLOR_GRAY2RGB), np.uint8)
            mesh, _ = look(models, picture, np.array([PADDED / 2, PADDED / 2]))
            if mesh is None:
                continue
            for key, value in (("label", name), ("landmarks", mesh.landmarks), ("features", mesh.features)):
                columns[key].append(value)
            columns["blendshapes"].append(shapes.read(mesh.landmarks))
            columns["grey"].append(grey(picture, region_from_landmarks(mesh.landmarks)))
    if not columns["label"]:
        raise DataError("the mesh found no face in it", field=folder)
    return Faces(**{key: np.array(value) for key, value in columns.items()}), asked


def distribution(faces: Faces, ensemble: Ensemble) -> dict[str, dict[str, float]]:
    """Per class: faces, quartiles of the score, share read `high`, share that grade would call high (sure, no conflict), of PSPI's sum."""
    canonical = CanonicalFace.parse(path("face_geometry").read_bytes())
    x, smile = inputs(canonical, faces.landmarks, faces.blendshapes, faces.features, faces.grey)
    opinion, embeddings = ensemble.free(x, smile)
    readings = ensemble.readings(opinion, embeddings, personal=False)
    score, sure, laugh = (np.array([getattr(one, name) for one in readings]) for name in ("score", "confidence", "smile"))
    out = {}
    for name in CLASSES:
        mine = faces.label == name
        if not mine.any():
            continue
        s, high = score[mine], score[mine] >= HIGH
        low, middle, top = np.percentile(s, (25, 50, 75))
        out[name] = {
            "faces": int(mine.sum()), "score p25": low, "score median": middle, "score p75": top, "reads high": high.mean(),
            "graded high": (high & (sure[mine] >= SURE) & (laugh[mine] < SMILING)).mean(),
            "asks (conflict)": (high & (laugh[mine] >= SMILING)).mean(), "unsure": (sure[mine] < SURE).mean(),
            "sum of units, median": np.median(opinion.column("pspi")[mine]),
        }  # fmt: skip
    return {name: {key: round(float(value), 3) for key, value in row.items()} for name, row in out.items()}


def measure(folder: Path) -> dict[str, Any]:
    """Of the pack in `folder`: how many of each class were looked at, and what the installed scorer says of those with a face."""
    faces, asked = find_faces(folder)
    return {"looked at": asked, "classes": distribution(faces, load())}
