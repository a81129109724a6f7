"""The same stills as a camera far away would show them: the face models look at the small grey crop, down to some 25 px of face.

A bedside camera sees faces as small as that, and a corpus of large ones doesn't teach it. The truth stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from wince.lab.corpus.draw import CROP, face_models
from wince.lab.corpus.read import Corpus
from wince.pipeline.detect.align import grey
from wince.pipeline.detect.facemesh import SIZE
from wince.pipeline.detect.geometry import region_from_landmarks
from wince.pipeline.detect.interface import Region

SMALLEST = 36
"""Of the crop's sides that are drawn, pixels; the largest is CROP. The face fills two thirds of it."""


def small(corpus: Corpus, seed: int = 1, progress: Callable[[int], None] = lambda row: None) -> Corpus:
    """The corpus as seen in the small crop: landmarks, features, blendshapes and crop. Four ms a still; same seed, same content."""
    models, shapes = face_models()
    rng = np.random.default_rng([seed, 13])
    sides = rng.integers(SMALLEST, CROP + 1, len(corpus))
    seen = {name: corpus[name].copy() for name in ("landmarks", "features", "blendshapes", "crop")}
    whole = Region(SIZE / 2, SIZE / 2, float(SIZE), 0.0)
    for row in np.flatnonzero(corpus.usable):
        side = int(sides[row])
        tiny = cv2.resize(corpus["crop"][row], (side, side), interpolation=cv2.INTER_AREA)
        large = cv2.resize(tiny, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
        picture = np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2RGB), np.uint8)
        mesh = models.mesh.fit(picture, whole)
        seen["landmarks"][row], seen["features"][row] = mesh.landmarks, mesh.features
        seen["blendshapes"][row], seen["crop"][row] = shapes.read(mesh.landmarks), grey(picture, region_from_landmarks(mesh.landmarks))
        progress(int(row))
    return replace(corpus, columns={**corpus.columns, **seen})
