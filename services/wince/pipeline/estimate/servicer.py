"""EstimateService: faces in, their estimates out. Nothing is kept between calls, and nothing is late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wince.api.estimate.v1 import estimate_pb2
from wince.api.estimate.v1 import estimate_service_pb2 as pb
from wince.api.estimate.v1.estimate_service_pb2_grpc import EstimateServiceServicer, add_EstimateServiceServicer_to_server
from wince.codec.detect import face_from_message
from wince.codec.estimate import estimate_to_message
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.pipeline.estimate import stage
from wince.pipeline.estimate.interface import Scorer
from wince.rpc.errors import NotFound
from wince.rpc.requests import under
from wince.rpc.server import Registration, Workers

NAME = "wince.api.estimate.v1.EstimateService"
MAX_BYTES = 16 << 20
"""Largest request, bytes: 64 faces (the proto's rule) with everything."""
DEFAULT = "activity"
READY, LOADING, FAILED = estimate_pb2.MODEL_STATE_READY, estimate_pb2.MODEL_STATE_LOADING, estimate_pb2.MODEL_STATE_FAILED


@dataclass(frozen=True, slots=True)
class ModelInUse:
    """A model file that the scorer asks."""

    name: str
    sha256: str
    state: estimate_pb2.ModelState.ValueType = READY


Inventory = Callable[[], tuple[str, Sequence[ModelInUse]]]
"""(model set, its files with their state). May block; raises Unavailable where a server that holds them does not answer."""


class EstimateServicer(EstimateServiceServicer):
    """Scorers by protocol, one per worker thread."""

    def __init__(
        self, scorers: Mapping[str, Callable[[], Scorer]], inventory: Inventory, *, rules: Mapping[str, str] | None = None, threads: int = 1
    ) -> None:
        """`scorers`: makes a protocol's scorer; called once in each thread that needs it. `rules`: sha256 of each protocol's rules, for
        grade to see that it grades by the same; of a protocol without one nothing is said."""
        self._make, self._inventory, self._rules = dict(scorers), inventory, dict(rules or {})
        self._local = threading.local()
        self.workers = Workers(threads, "estimate")

    async def EstimateFaces(self, request: pb.EstimateFacesRequest, context: Any) -> pb.EstimateFacesResponse:  # noqa: N802
        """See the proto."""
        name = request.protocol or DEFAULT
        if name not in self._make:
            raise NotFound("no such protocol is loaded", field="protocol", remedy=f"one of: {', '.join(sorted(self._make))}")
        answer: pb.EstimateFacesResponse = await self.workers.run(self._score, name, request)
        return answer

    async def ListModels(self, request: pb.ListModelsRequest, context: Any) -> pb.ListModelsResponse:  # noqa: N802
        """See the proto."""
        model_set, models = await self.workers.run(self._inventory)
        ordered = sorted(models, key=lambda one: one.name)
        return pb.ListModelsResponse(
            model_set=model_set, models=[estimate_pb2.Model(name=one.name, sha256=one.sha256, state=one.state) for one in ordered]
        )

    def _score(self, name: str, request: pb.EstimateFacesRequest) -> pb.EstimateFacesResponse:
        faces: list[Face] = []
        for index, message in enumerate(request.faces):
            with under(f"faces[{index}]"):
                faces.append(face_from_message(message))
        made: dict[str, Scorer] | None = getattr(self._local, "scorers", None)
        if made is None:
            made = self._local.scorers = {}
        if name not in made:
            made[name] = self._make[name]()
        _, estimates = stage.step(stage.State(), faces, min((face.time_us for face in faces), default=0), made[name], 0)
        read = [replace(one, protocol=name, rule=self._rules.get(name, "")) for one in estimates if isinstance(one, Estimate)]
        return pb.EstimateFacesResponse(estimates=list(map(estimate_to_message, read)))


def registration(servicer: EstimateServicer) -> Registration:
    """The service, to be served."""
    return Registration(
        NAME,
        lambda server: add_EstimateServiceServicer_to_server(servicer, server),
        close=servicer.workers.close,
        max_bytes=MAX_BYTES,
    )
