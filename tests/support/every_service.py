"""All services of the API on one server, over a real database, and every RPC that they have: a new one is among them by itself."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

from tests.face_models import face_models
from tests.support.cameras import Leases, Register, Runner
from tests.support.rpc import served
from wince import api
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.clock import wall_us
from wince.domain.ids import site_namespace
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.models import lock
from wince.pipeline.capture.cameras import Cameras
from wince.pipeline.capture.push import PushSource
from wince.pipeline.capture.servicer import CaptureServicer
from wince.pipeline.capture.servicer import registration as capture
from wince.pipeline.detect.servicer import DetectServicer
from wince.pipeline.detect.servicer import registration as detect
from wince.pipeline.estimate.servicer import EstimateServicer, ModelInUse
from wince.pipeline.estimate.servicer import registration as estimate
from wince.pipeline.grade import stage
from wince.pipeline.grade.servicer import GradeServicer
from wince.pipeline.grade.servicer import registration as grade
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.protocols.loader import load
from wince.serve import about, scoring
from wince.serve.protocols import protocol_set
from wince.settings import Settings
from wince.store import checkpoints
from wince.store.database import Database

RULES = load("activity")
OF_OTHERS = "wince.api.open_inference."
"""Wince calls it, and serves it to nobody."""


def _files() -> Iterator[FileDescriptor]:
    for found in pkgutil.walk_packages(api.__path__, f"{api.__name__}."):
        if found.name.endswith("_pb2") and not found.name.startswith(OF_OTHERS):
            yield importlib.import_module(found.name).DESCRIPTOR


METHODS: list[MethodDescriptor] = [method for file in _files() for service in file.services_by_name.values() for method in service.methods]
"""Every RPC of every service."""


@contextmanager
def every_service(database: Database, folder: Path, clock: Callable[[], int] = wall_us, **settings: Any) -> Iterator[int]:
    """The port of a server that has them all. The database, face models and scorer are real; a camera that is started can be pushed to and
    is never called. `clock`: what care and hospital take for now, microseconds; `settings`: of the server."""
    key = checkpoints.signing_key(folder / "audit.pem")
    cameras = Cameras(_pushed, lambda source, _plan: Runner(source), Leases(Register(), "here"))
    used = [ModelInUse(name, lock.find(name).sha256) for name in RULES.estimate.models]
    made = [
        capture(CaptureServicer(cameras, cameras)),
        detect(DetectServicer(lambda limits: face_models(limits.full_range), {"activity": RULES.detect})),
        estimate(EstimateServicer({"activity": lambda: scoring.scorer(RULES)}, lambda: ("ab" * 32, used))),
        grade(GradeServicer(lambda name: stage.Setup(load(name), site_namespace("test")))),
        record(RecordServicer(database, lambda: checkpoints.verify(database, folder / "checkpoints", checkpoints.public_hex(key)))),
        care(CareServicer(PostgresCare(database, {"activity": RULES}, clock), Withholding(database, clock))),
        hospital(HospitalServicer(database, clock=clock)),
        about.registration(about.ServerServicer(Settings(), lambda: protocol_set(Settings()), [])),
    ]
    try:
        with served(*made, **settings) as server:
            yield server.port
    finally:
        cameras.drain()


def _pushed(plan: Any, owned: Any) -> PushSource:
    return PushSource(plan.spec.source, rate_hz=RULES.detect.rate_hz, owned=owned)


def multicallable(channel: grpc.Channel, method: MethodDescriptor) -> Any:
    """Calls an RPC with bytes, whatever they are."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
    return getattr(channel, kind)(path, request_serializer=bytes, response_deserializer=bytes, _registered_method=False)
