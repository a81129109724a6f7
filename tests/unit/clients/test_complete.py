"""Every call of the external API has a typed method of `wince.clients`, in words of the domain; importing them is cheap."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import grpc
import numpy as np
import pytest

from wince import clients
from wince.api.capture.v1 import capture_service_pb2
from wince.api.care.v1 import care_service_pb2
from wince.api.detect.v1 import detect_service_pb2
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.grade.v1 import grade_service_pb2
from wince.api.hospital.v1 import hospital_service_pb2
from wince.api.record.v1 import record_service_pb2
from wince.api.server.v1 import server_service_pb2
from wince.clients import NotFound, connect
from wince.clients.unary import ServiceClient
from wince.domain.assessment import Verdict
from wince.domain.camera import CameraSpec
from wince.domain.care import BedPause, EncounterState
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.domain.withheld import Consent, Scope
from wince.errors import ConfigError, MessageError

MODULES = (
    capture_service_pb2, care_service_pb2, detect_service_pb2, estimate_service_pb2, grade_service_pb2, hospital_service_pb2,
    record_service_pb2, server_service_pb2,
)  # fmt: skip
RPCS = {
    f"/{service.full_name}/{method.name}"
    for module in MODULES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
ID, VISIT = UUID("3f2b8c1e-9a4d-4e7f-8b6a-0123456789ab"), Identifier("HOSP", "V1")
FRAME = Frame("cam-1", 0, 1, np.zeros((16, 16, 3), np.uint8))
FACE = Face("cam-1", 0, 1, (16, 16), Reason.DARK, 0, None, None, None, None, None, b"")
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "server.protocol": ("activity",),
    "capture.start": (CameraSpec("cam-1", "rtsp://cam.example/1"),),
    "capture.stop": ("cam-1",),
    "capture.push": ([FRAME],),
    "care.question": (ID,),
    "care.verdict": (ID,),
    "care.pause": (ID,),
    "care.give": (Verdict(ID, None, ID, "", 1, 1),),
    "care.start_pause": (BedPause(ID, "ICU^1^A", 1, 2, None, ""),),
    "care.end_pause": (ID,),
    "care.set_state": (EncounterState("V1", None, 1, ""),),
    "care.state": (VISIT,),
    "care.switch_off": (Scope.WARD, "ICU", "renovation"),
    "care.switch_on": (Scope.WARD, "ICU", "done"),
    "care.set_consent": (Consent("encounter", VISIT, True, 1, ""),),
    "hospital.occupancy": ("ICU^1^A",),
    "hospital.stay": (ID,),
    "hospital.confirm": ("ICU^1^A", VISIT),
    "record.assessment": (ID,),
    "record.alert": (ID,),
    "record.acknowledged": (ID,),
    "record.acknowledge": (ID, "n-7"),
    "record.entry": (ID,),
    "record.deliveries": (ID,),
    "record.replay": (ID, 1, "ehr"),
    "record.release": ("ehr",),
    "detect.faces": ([FRAME],),
    "estimate.estimates": ([FACE],),
    "grade.grade": ([Beat("cam-1", 1, 0, 0, 0)],),
}
"""What each method needs, at least."""


def methods() -> Iterator[tuple[str, str]]:
    """(name of the client, public method) of all that `Wince` offers."""
    with connect("127.0.0.1") as wince:
        for name in (*clients.SERVICES, "watch", "server"):
            for method, _ in inspect.getmembers(type(getattr(wince, name)), inspect.isfunction):
                if not method.startswith("_") and not hasattr(ServiceClient, method):
                    yield name, method


@contextmanager
def refusing(seen: list[str]) -> Iterator[str]:
    """A server that has nothing, whatever is asked, and keeps the calls' names."""

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            seen.append(details.method)
            return grpc.stream_stream_rpc_method_handler(lambda _, context: context.abort(grpc.StatusCode.NOT_FOUND, "nothing"))

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)


def test_no_call_is_forgotten_and_each_failure_is_of_the_tree() -> None:
    seen: list[str] = []
    with refusing(seen) as address, connect(addresses=dict.fromkeys(clients.SERVICES, address)) as wince:
        for name, method in methods():
            before = len(seen)
            with pytest.raises(NotFound):  # noqa: PT012 - some are iterators
                answer = getattr(getattr(wince, name), method)(*ARGUMENTS.get(f"{name}.{method}", ()))
                next(iter(answer))
            assert len(seen) == before + 1, f"{name}.{method} calls nothing"
    assert set(seen) == RPCS


def test_methods_speak_of_the_domain_alone() -> None:
    """No protobuf in what goes in and comes out; everything has its type and says what it does."""
    with connect("127.0.0.1") as wince:
        for name, method in methods():
            function = getattr(type(getattr(wince, name)), method)
            signature = inspect.signature(function)
            said = [signature.return_annotation, *(one.annotation for one in list(signature.parameters.values())[1:])]
            assert all(isinstance(one, str) and "pb" not in one for one in said), f"{name}.{method}: {said}"
            assert function.__doc__, f"{name}.{method}"


def test_importing_the_clients_loads_nothing_of_a_server() -> None:
    """A foreign program pays for gRPC and numpy, no models, no database, no film."""
    heavy = ("openvino", "psycopg", "torch", "cv2", "av", "confluent_kafka", "httpx", "wince.store", "wince.settings", "wince.pipeline")
    script = f"import sys, wince.clients\nprint(*[name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "host"),
        ({"host": "wince.example"}, "ca"),
        ({"addresses": {"recrod": "127.0.0.1:7425"}}, "addresses: recrod"),
        ({"addresses": {"record": "10.0.0.1:7425"}}, "ca (10.0.0.1:7425)"),
        ({"host": "127.0.0.1", "cert": "own.pem"}, "cert, key"),
    ],
)
def test_what_is_wrong_with_a_connection_is_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(**given)
    assert caught.value.field.startswith(field)
    assert caught.value.remedy


def test_a_kind_that_nobody_tells_of_is_named() -> None:
    with connect("127.0.0.1") as wince, pytest.raises(MessageError, match="no kind") as caught:
        next(wince.watch.watch(kinds=["alrt"]))
    assert caught.value.remedy.startswith("did you mean alert?")


def test_a_service_without_an_address_is_named() -> None:
    with connect(addresses={"record": "127.0.0.1:7425"}) as wince, pytest.raises(ConfigError) as caught:
        wince.care.switches()
    assert caught.value.field == "addresses: care"


def test_the_token_is_asked_for_before_each_call() -> None:
    """One that is renewed may be given as a function."""
    sent: list[str] = []

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            sent.extend(str(value) for key, value in details.invocation_metadata if key == "authorization")
            return grpc.unary_unary_rpc_method_handler(lambda _, __: b"")

    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Handler()])
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    tokens = iter(("first", "second"))
    try:
        with connect(addresses={"care": address}, token=lambda: next(tokens)) as wince:
            assert wince.care.switches() == wince.care.switches() == []
    finally:
        server.stop(None)
    assert sent == ["Bearer first", "Bearer second"]
