"""Every RPC of every service, given what no honest client sends: a named status each time, never the text of an unexpected error."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from tests.support.lawful import at, broken, lawful, named
from tests.support.rpc import dialled, failure, served
from tests.support.statuses import documented
from wince.api.capture.v1 import capture_service_pb2
from wince.api.care.v1 import care_service_pb2
from wince.api.detect.v1 import detect_service_pb2
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.grade.v1 import grade_service_pb2
from wince.api.hospital.v1 import hospital_service_pb2
from wince.api.record.v1 import record_service_pb2
from wince.api.server.v1 import server_service_pb2
from wince.care.postgres import PostgresCare
from wince.care.servicer import CareServicer
from wince.care.servicer import registration as care
from wince.care.withholding import Withholding
from wince.domain.ids import site_namespace
from wince.hospital.servicer import HospitalServicer
from wince.hospital.servicer import registration as hospital
from wince.pipeline.capture.cameras import Cameras
from wince.pipeline.capture.servicer import CaptureServicer
from wince.pipeline.capture.servicer import registration as capture
from wince.pipeline.detect.servicer import DetectServicer
from wince.pipeline.detect.servicer import registration as detect
from wince.pipeline.estimate.servicer import EstimateServicer
from wince.pipeline.estimate.servicer import registration as estimate
from wince.pipeline.grade import stage
from wince.pipeline.grade.servicer import GradeServicer
from wince.pipeline.grade.servicer import registration as grade
from wince.pipeline.record.servicer import RecordServicer
from wince.pipeline.record.servicer import registration as record
from wince.protocols.loader import load
from wince.serve import about
from wince.serve.camera_list import opener
from wince.serve.protocols import protocol_set
from wince.settings import Settings
from wince.store import checkpoints

RULES = load("activity")
PROTOS = (
    capture_service_pb2, detect_service_pb2, estimate_service_pb2, grade_service_pb2, record_service_pb2, care_service_pb2,
    hospital_service_pb2, server_service_pb2,
)  # fmt: skip
METHODS = [method for proto in PROTOS for service in proto.DESCRIPTOR.services_by_name.values() for method in service.methods]
ODD = ("", "?", "O'Hara^Mary", "00000000-0000-0000-0000-000000000000", "ICU^1^A", "\U0001f600" * 300, "a" * 5000)
NUMBERS = (0, 1, -1, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63))


@pytest.fixture
def port(database, tmp_path) -> Iterator[int]:
    """All services on one server; the database is real."""
    key = checkpoints.signing_key(tmp_path / "audit.pem")
    cameras = Cameras(opener(RULES.detect.rate_hz), lambda *_: None, _NoLeases())  # type: ignore[arg-type, return-value]
    made = [
        capture(CaptureServicer(cameras, cameras)),
        detect(DetectServicer(lambda _: None, {"activity": RULES.detect})),  # type: ignore[arg-type, return-value]
        estimate(EstimateServicer({"activity": lambda: None}, lambda: ("", []))),  # type: ignore[dict-item, return-value]
        grade(GradeServicer(lambda name: stage.Setup(load(name), site_namespace("test")))),
        record(RecordServicer(database, lambda: checkpoints.verify(database, tmp_path / "checkpoints", checkpoints.public_hex(key)))),
        care(CareServicer(PostgresCare(database, {"activity": RULES}), Withholding(database))),
        hospital(HospitalServicer(database)),
        about.registration(about.ServerServicer(Settings(), lambda: protocol_set(Settings()), [])),
    ]
    with served(*made, stream_idle_s=1.0, deadline_s=20.0) as server:
        yield server.port


class _NoLeases:
    """Every camera is another replica's."""

    def acquire(self, source: str) -> None:
        return None


def call(channel: grpc.Channel, method: MethodDescriptor, bodies: list[bytes], *, follow_s: float = 30) -> grpc.RpcError | None:
    """What the call came back with; None: nothing is wrong. `follow_s`: how long answers without end are read."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    kind = ("stream" if method.client_streaming else "unary") + "_" + ("stream" if method.server_streaming else "unary")
    ask: Any = getattr(channel, kind)(path, request_serializer=bytes, response_deserializer=bytes, _registered_method=False)
    try:
        limit_s = follow_s if method.server_streaming and not method.client_streaming else 30
        answer = ask(iter(bodies) if method.client_streaming else bodies[0], timeout=limit_s)
        for _ in answer if method.server_streaming else ():
            pass
    except grpc.RpcError as error:
        return error
    return None


def odd(message: Message, dice: random.Random, depth: int = 4) -> Message:
    """A message of this kind with odd values in about half of its fields."""
    for field in message.DESCRIPTOR.fields:
        if dice.random() < 0.5 or (depth == 0 and field.message_type):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            _odd_map(message, field, dice, depth)
            continue
        for _ in range(dice.choice((1, 3)) if field.is_repeated else 1):
            if field.message_type:
                inner: Any = getattr(message, field.name)
                odd(inner.add() if field.is_repeated else inner, dice, depth - 1)
                continue
            value = _value(field, dice)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def _odd_map(message: Message, field: FieldDescriptor, dice: random.Random, depth: int) -> None:
    """Entries with odd keys and values."""
    key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
    entries: Any = getattr(message, field.name)
    for _ in range(dice.choice((1, 3))):
        name = _value(key, dice)
        if value.message_type:
            odd(entries[name], dice, depth - 1)
        else:
            entries[name] = _value(value, dice)


def _value(field: FieldDescriptor, dice: random.Random) -> object:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = dice.choice(ODD)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return dice.choice((0, 1, 77))
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return dice.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    low, high = (0, 2**64) if kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64) else (-(2**63), 2**63)
    narrow = kind in (FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_INT32)
    return dice.choice([one for one in NUMBERS if low <= one < high and (not narrow or -(2**31) <= one < 2**31)])


@dataclass(frozen=True)
class _Text:
    """A place for text in a message."""

    path: tuple[FieldDescriptor, ...]

    @property
    def name(self) -> str:
        """As an answer names it."""
        last = self.path[-1]
        return named(self.path) + ("[0]" if last.is_repeated and last.message_type is None else "")

    def filled(self, kind: type[Message], text: str) -> bytes:
        """A message of this kind that keeps every rule but for this text."""
        message = lawful(kind.DESCRIPTOR, self.path[:-1])
        place, last = at(message, self.path[:-1]), self.path[-1]
        if last.message_type is not None:  # a map: its keys are text
            getattr(place, last.name)[text].SetInParent()
        elif last.is_repeated:
            getattr(place, last.name).append(text)
        else:
            setattr(place, last.name, text)
        return message.SerializeToString()


def texts(kind: Any, above: tuple[FieldDescriptor, ...] = ()) -> Iterator[_Text]:
    """Every text in a kind of message, at any depth."""
    for field in kind.fields:
        entry = field.message_type is not None and field.message_type.GetOptions().map_entry
        if field.type == FieldDescriptor.TYPE_STRING or entry:
            yield _Text((*above, field))
        elif field.message_type is not None:
            yield from texts(field.message_type, (*above, field))


def is_named(error: grpc.RpcError | None, method: MethodDescriptor, what: object) -> None:
    """Its status is one that the page says of this RPC, its details name the field, and its text quotes nothing."""
    if error is None:
        return
    found = failure(error)
    assert found.code in documented(method.containing_service.name, method.name) - {grpc.StatusCode.INTERNAL}, (what, found)
    if found.code is grpc.StatusCode.INVALID_ARGUMENT:
        assert found.fields, (what, found)
    for leak in ("Traceback", "Error(", "psycopg", "<class", ".py", "O'Hara"):
        assert leak not in found.text, (what, found)


@pytest.mark.timeout(300)
def test_every_rpc_names_what_is_wrong_with_noise_nothing_and_odd_values(port):
    dice = random.Random(7)
    with dialled(port) as channel:
        for method in METHODS:
            kind = GetMessageClass(method.input_type)
            noise = call(channel, method, [b"\xff\xfe" + dice.randbytes(300)])
            assert noise is not None, method.full_name
            assert failure(noise).code is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, failure(noise))
            is_named(call(channel, method, [b""], follow_s=0.5), method, "nothing")
            for _ in range(6):
                message = odd(kind(), dice)
                is_named(call(channel, method, [message.SerializeToString()], follow_s=0.5), method, message)
    assert len(METHODS) == 50


CONTROLS = ("\0", "a\0b", "\x01", "\t", "line\r\nline", "\x1b[2J", "\x7f", "\x85", "\u2028")


@pytest.mark.timeout(300)
def test_nul_and_control_characters_in_any_text_of_any_rpc_are_refused_by_name(port):
    asked = 0
    with dialled(port) as channel:
        for method in METHODS:
            kind = GetMessageClass(method.input_type)
            for place in texts(method.input_type):
                for text in CONTROLS:
                    error = call(channel, method, [place.filled(kind, text)], follow_s=5)
                    assert error is not None, (method.full_name, place.name, text)
                    found = failure(error)
                    assert found.code is grpc.StatusCode.INVALID_ARGUMENT, (method.full_name, place.name, text, found)
                    assert found.fields == [found.error.field] == [place.name], (method.full_name, place.name, found)
                    asked += 1
    assert asked > 300


@pytest.mark.timeout(300)
def test_every_rule_of_the_protos_is_kept_by_the_servers(port):
    """Each is broken once, over the wire, in a request that keeps all others: the answer names that field and quotes nothing."""
    asked = 0
    with dialled(port) as channel:
        for method in METHODS:
            for one in broken(method.input_type):
                error = call(channel, method, [one.message.SerializeToString()], follow_s=5)
                assert error is not None, (method.full_name, one.path, one.rule)
                found = failure(error)
                where = (method.full_name, one.path, one.rule, found)
                assert found.code is grpc.StatusCode.INVALID_ARGUMENT, where
                assert found.fields == [found.error.field] == [one.path], where
                assert found.error.message, where
                assert "a b/c" not in found.text, where
                asked += 1
    assert asked > 200
