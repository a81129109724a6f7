"""`wince serve detect`: frames in over gRPC, faces onto the bus; the answer to a frame comes when its face will survive there.

Replicas share the cameras' streams. The track of a face lives with its stream: where a stream goes on on another replica the face is
searched again, and smoothing begins again, so that for about a second the points of the face lie where they lie without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from wince import codec
from wince.bus.headers import headers
from wince.bus.topics import FACES
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import FaceModels
from wince.pipeline.detect.servicer import DetectServicer, registration
from wince.protocols.rules import DetectLimits
from wince.serve import golden
from wince.serve.service import Deps, Service

THREADS = 2
"""Frames looked at at a time, each thread with models of its own."""


def build(deps: Deps) -> Service:
    """The service."""
    folder, bus = deps.settings.models_dir, deps.bus
    windows = deps.windows("detect")

    def models(limits: DetectLimits) -> FaceModels:
        made = load_face_models(limits.full_range, folder, limits.detector, deps.settings.face_precision)
        golden.check_models(made, limits)
        return made

    def publish(found: Sequence[Face | Beat]) -> list[Future[None]]:
        first = found[0]
        protocol = first.protocols[0] if isinstance(first, Face) and first.protocols else ""
        trace = windows.seen(first, protocol=protocol)
        encoded = [codec.encode(one) for one in found]
        return [bus.publish(FACES, first.source, value, headers(schema, trace)) for schema, value in encoded]

    protocols = {name: one.detect for name, one in deps.protocols.every.items()}
    servicer = DetectServicer(models, protocols, threads=THREADS, publish=publish)
    servicer.warm()  # what is wrong with a model, or with what it computes, is said at the start
    return Service("detect", registrations=[registration(servicer)])
