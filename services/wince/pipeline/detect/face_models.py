"""Builds the face models from verified files."""

from __future__ import annotations

from pathlib import Path

import cv2

from wince.models.canonical_face import CanonicalFace
from wince.models.fetch import path
from wince.models.lock import MTCNN_MODELS
from wince.models.openvino_engine import Precision
from wince.pipeline.detect.blazeface import FULL_RANGE, SHORT_RANGE, BlazeFace
from wince.pipeline.detect.facemesh import FaceMesh
from wince.pipeline.detect.geometry import HeadPose
from wince.pipeline.detect.interface import Detector, FaceModels
from wince.pipeline.detect.mtcnn import Mtcnn


def load_face_models(
    full_range: bool = True, folder: Path | None = None, detector: str = "blazeface", precision: Precision = "f32"
) -> FaceModels:
    """The models of detect, from the cache (`wince.models.fetch.fetch` fills it). One set per thread.

    `full_range`, `detector`: as a protocol's [detect] says; the range is BlazeFace's. `folder`: the cache; None: where
    `wince.models.fetch.cache_folder` says. `precision`: of mesh and BlazeFace; MTCNN's small nets stay float32.

    Sets OpenCV to one thread for the whole process. Raises ModelFileError where a file is absent or changed, ConfigError
    where this CPU has no bfloat16; no network.
    """
    cv2.setNumThreads(1)
    pose = HeadPose(CanonicalFace.parse(path("face_geometry", folder).read_bytes()))
    found = _detector(full_range, folder, detector, precision)
    return FaceModels(found, FaceMesh(path("face_landmarks", folder), precision), pose)


def _detector(full_range: bool, folder: Path | None, detector: str, precision: Precision) -> Detector:
    if detector == "mtcnn":
        p, r, o = (path(name, folder) for name in MTCNN_MODELS)
        return Mtcnn(p, r, o)
    name, kind = ("blazeface_full_range", FULL_RANGE) if full_range else ("blazeface_short_range", SHORT_RANGE)
    return BlazeFace(path(name, folder), kind, precision=precision)
