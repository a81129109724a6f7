"""Golden inference: before a service says SERVING, its models must give what they gave here for one bundled picture.

A file's hash says that a model is the one that was locked. It doesn't say that this machine computes with it as it should: a library of
another release, a CPU with a faulty instruction, a damaged compiled network. So detect sees a drawn face, estimate reads the face that
detect saw, and both compare with what stands beside the picture (`models/golden`). What differs is a named fault, and the service ends.

A site's own members on a server are asked with crops of their manifest (`wince.serving.ready`); in the process they are asked with the
same drawn crops, and each must answer with numbers.

`python -m wince.serve.golden` makes face.binpb and reading.json anew from face.jpg, for a release with other models.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wince import codec
from wince.domain.face import Face
from wince.errors import ModelFileError
from wince.pipeline.estimate.interface import Scorer
from wince.protocols import loader
from wince.protocols.rules import DetectLimits

if TYPE_CHECKING:
    from wince.models.ensemble import Ensemble
    from wince.pipeline.detect.interface import FaceModels

FOLDER = Path(__file__).parents[1] / "models" / "golden"
PICTURE, FACE, READING = FOLDER / "face.jpg", FOLDER / "face.binpb", FOLDER / "reading.json"
SIZE = (480, 360)
"""Width and height of the picture, px."""
APART = 0.06
"""How far a point of the mesh may lie from where it lay, in distances of the outer eye corners. Between the detectors it is 0.027, between
float32 and bfloat16 0.012."""
ALIKE = 0.98
"""Least cosine between the inner maps of the mesh. Between the detectors it is 0.997."""
SCORE, SMILE = 0.5, 0.1
"""How much the reading may differ: of 16, of 1."""
REMEDY = "fetch the models again (`wince models fetch`), remove the folder `compiled` beside them, and see that the installation is whole"


@dataclass(frozen=True)
class Expected:
    """What the default scorer gives for the face."""

    score: float
    smile: float


def check_models(models: FaceModels, limits: DetectLimits) -> None:
    """The face models see the face where it is. `limits`: how a protocol looks for faces; its limits of size, light and pose don't count.

    Raises ModelFileError."""
    seen, expected = look(models, limits), face()
    if seen.landmarks is None or seen.quality is None or seen.features is None or expected.landmarks is None or expected.features is None:
        what = "none" if seen.reason is None else seen.reason.value
        raise _fault("detect", f"sees no face that can be assessed in the golden picture ({what})")
    apart = float(np.abs(seen.landmarks - expected.landmarks)[:, :2].max()) / seen.quality.size_px
    if not apart <= APART:
        raise _fault("detect", f"the face mesh lies {apart:.2g} eye distances from where it should in the golden picture")
    alike = _cosine(seen.features, expected.features)
    if not alike >= ALIKE:
        raise _fault("detect", f"the face mesh's inner map is {alike:.3g} like the one that it should be in the golden picture")


def check_scorer(scorer: Scorer) -> None:
    """The default scorer reads from the golden face what it should. Raises ModelFileError."""
    (found,), expected = scorer.score([face()]), reading()
    if found.reading is None:
        raise _fault("estimate", f"reads nothing from the golden face ({found.reason})")
    for what, got, wanted, most in (
        ("score", found.reading.score, expected.score, SCORE),
        ("smile", found.reading.smile, expected.smile, SMILE),
    ):
        if not abs(got - wanted) <= most:
            raise _fault("estimate", f"{what} of the golden face is {got:.3g} instead of {wanted:.3g}")


def check_reader(scorer: Scorer) -> None:
    """Whatever reads faces for a protocol, as far as it computes in this process. Raises ModelFileError."""
    from wince.models.ensemble import Ensemble
    from wince.pipeline.estimate.activity import ActivityScorer
    from wince.pipeline.estimate.ensemble import EnsembleScorer

    if isinstance(scorer, EnsembleScorer):
        members, scorer = scorer.asked
        if isinstance(members, Ensemble):
            check_members(members)
    if isinstance(scorer, ActivityScorer):
        check_scorer(scorer)


def check_members(members: Ensemble) -> None:
    """Every member of a site's own ensemble, in this process, answers the golden crops with numbers. Raises ModelFileError."""
    from wince.serving.manifest import golden_clips, golden_crops  # draws pictures: only sites with members of their own pay for it

    clip = members.clip
    crops = golden_crops() if clip is None else golden_crops(clip.frames)
    answer = members.answer(crops, golden_clips(clip))
    if answer is None or answer.status.any() or not all(np.isfinite(rows).all() for rows in answer.members.values()):
        raise _fault("estimate", "a member of the ensemble gives no probabilities for the golden crops")


def look(models: FaceModels, limits: DetectLimits) -> Face:
    """What detect makes of the golden picture. Its JPEG is decoded as that of a frame over gRPC."""
    from wince.api.capture.v1 import capture_pb2
    from wince.codec.frame import frame_from_message
    from wince.pipeline.detect import stage
    from wince.pipeline.detect.cuts import cuts

    message = capture_pb2.Frame(source="golden", width=SIZE[0], height=SIZE[1], jpeg=PICTURE.read_bytes())
    how = replace(loader.load("activity").detect, detector=limits.detector, full_range=limits.full_range)
    _, (found, *_) = stage.step(stage.SourceState(), [frame_from_message(message)], 0, models, cuts({"golden": how}))
    assert isinstance(found, Face)
    return found


@cache
def face() -> Face:
    """The golden face, as detect saw it."""
    found = codec.decode("wince.api.detect.v1.Face", FACE.read_bytes())
    assert isinstance(found, Face)
    return found


@cache
def reading() -> Expected:
    """What the default scorer read from it."""
    return Expected(**json.loads(READING.read_text("utf-8")))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    first, second = (part.astype(np.float64).ravel() for part in (one, other))
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


def _fault(field: str, what: str) -> ModelFileError:
    return ModelFileError(what, field=field, remedy=REMEDY)


def _make() -> None:
    from wince.pipeline.detect.face_models import load_face_models
    from wince.pipeline.estimate.activity import load_activity_scorer

    seen = look(load_face_models(), loader.load("activity").detect)
    FACE.write_bytes(codec.encode(seen)[1])
    (found,) = load_activity_scorer().score([seen])
    assert found.reading is not None
    said = Expected(round(float(found.reading.score), 3), round(float(found.reading.smile), 3))
    READING.write_text(json.dumps(asdict(said)) + "\n", "utf-8")


if __name__ == "__main__":
    _make()
