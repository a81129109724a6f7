"""The default scorer: its cost a face on one core, beside the face mesh whose inner map it reads, and the figures of its card.

Figures on drawn heads come from the corpus in WINCE_CORPUS (`wince lab corpus`), as `wince lab evaluate scorer` measures them.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import Unmeasurable
from wince.domain.face import Face
from wince.errors import WinceError
from wince.lab.activity.evaluate.scorer import evaluate
from wince.models import activity
from wince.models.fetch import fetch, path
from wince.models.lock import FACE_MODELS
from wince.pipeline.detect.align import grey
from wince.pipeline.detect.facemesh import FaceMesh
from wince.pipeline.detect.geometry import region_from_landmarks
from wince.pipeline.detect.interface import Region
from wince.pipeline.estimate.activity import load_activity_scorer
from wince.pipeline.estimate.blendshapes import Blendshapes
from wince.pipeline.grade.activity_personal import ActivityPersonal

ROUNDS, CALLS = 30, 20
FIGURES = {
    "PSPI ICC(A,1)": (0.945, 0.965), "PSPI mean absolute error": (1.0, 0.75), "AUC PSPI >= 4, everything": (0.96, 0.98),
    "AUC pain v all distractors, gated": (0.99, 0.995),
}  # fmt: skip
"""Aims without and with the own calm face."""


def run() -> dict[str, Any]:
    """Milliseconds a face: median of rounds, everything in turn, on one core; then the table's main figures where there is a corpus."""
    try:
        fetch([*FACE_MODELS])
        scorer = load_activity_scorer()
    except WinceError as error:
        raise Unmeasurable(error.diagnostics()) from error
    mesh, shapes = FaceMesh(path("face_landmarks")), Blendshapes(path("face_blendshapes"))
    picture = np.random.default_rng(1).integers(0, 255, (256, 256, 3), np.uint8)
    seen = mesh.fit(picture, Region(128, 128, 256, 0.0))
    small = grey(picture, region_from_landmarks(seen.landmarks))
    face = Face("bench", 0, 0, (256, 256), None, 1, None, seen.landmarks, None, None, seen.features, b"", small)
    embedding = scorer.score([face])[0].embedding
    assert embedding is not None
    personal, rows = ActivityPersonal(), np.repeat(embedding[None], 25, axis=0)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        jobs: dict[str, Callable[[], object]] = {
            "mesh": lambda: mesh.fit(picture, Region(128, 128, 256, 0.0)),
            "shapes": lambda: shapes.read(seen.landmarks),
            "score": lambda: scorer.score([face]),
            "personal": lambda: personal.read(rows, embedding),
        }
        spent: dict[str, list[float]] = {name: [] for name in jobs}
        for _ in range(ROUNDS):
            for name, job in jobs.items():
                start = time.process_time()
                for _ in range(CALLS):
                    job()
                spent[name].append((time.process_time() - start) * 1000 / CALLS)
    finally:
        os.sched_setaffinity(0, before)
    ms = {name: float(np.median(times)) for name, times in spent.items()}
    size = sum(file.stat().st_size for file in activity.FOLDER.iterdir()) / 1e6
    out = [
        _row("ensemble a face, beyond mesh and blendshapes, CPU", ms["score"] - ms["shapes"], "aim", 1.0, "ms", aim=1.0),
        _row("scorer with blendshapes and mesh a face, CPU", ms["score"] + ms["mesh"], "aim", 4.0, "ms", aim=1.0),
        _row("against the calm face, a face of a window of 25, CPU", ms["personal"] / 25, "", None, "ms"),
        _row("files of the ensemble", size, "aim", 12.0, "MB", aim=1.0),
    ]
    return {"title": "The default scorer", "rows": out + _figures()}


def _row(figure: str, ours: float, rival_name: str, rival: float | None, unit: str, aim: float | None = None) -> dict[str, Any]:
    ratio = None if rival is None else rival / ours
    return {"figure": figure, "ours": ours, "rival_name": rival_name, "rival": rival, "ratio": ratio, "aim": aim, "unit": unit}


def _figures() -> list[dict[str, Any]]:
    folder = os.environ.get("WINCE_CORPUS")
    if not folder:
        return []
    with tempfile.TemporaryDirectory() as out:
        evaluate(Path(folder), Path(out), resamples=2, say=lambda text: None)
        tables = json.loads((Path(out) / "scorer.json").read_text())["scorers"]
    rows = []
    for end, which in (("", 0), (" + own calm face", 1)):
        for figure, aims in FIGURES.items():
            ours, rival = (tables[f"{name}{end}"][figure]["value"] for name in ("ensemble", "ridge on blendshapes"))
            worse = "error" in figure
            ratio = aims[which] / ours if worse else ours / aims[which]
            rows.append(
                {"figure": figure + end, "ours": ours, "rival_name": "ridge on blendshapes", "rival": rival, "ratio": ratio, "aim": 1.0,
                 "unit": "0-16" if worse else ""}
            )  # fmt: skip
    return rows
