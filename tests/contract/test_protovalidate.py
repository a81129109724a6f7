"""Our reading of the rules in the protos gives protovalidate's verdicts: its own reading is the rules' definition, and too slow for frames.

protovalidate wants a package `buf`, which is not to be had for this protobuf runtime; the module that we generate from the same
buf/validate/validate.proto stands in for it here."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.lawful import ID, broken, lawful
from wince.api.capture.v1 import capture_pb2, capture_service_pb2
from wince.api.care.v1 import care_service_pb2
from wince.api.detect.v1 import detect_pb2, detect_service_pb2
from wince.api.estimate.v1 import estimate_service_pb2
from wince.api.grade.v1 import grade_pb2, grade_service_pb2
from wince.api.hospital.v1 import hospital_service_pb2
from wince.api.record.v1 import record_service_pb2
from wince.codec import inbound
from wince.errors import MessageError
from wince.rpc.auth import Caller, Credential
from wince.rpc.gate import Gate
from wince.rpc.rights import RIGHTS
from wince.rpc.roles import Role

PROTOS = (
    capture_service_pb2, care_service_pb2, detect_service_pb2, estimate_service_pb2, grade_service_pb2, hospital_service_pb2,
    record_service_pb2,
)  # fmt: skip
REQUESTS = [method.input_type for proto in PROTOS for one in proto.DESCRIPTOR.services_by_name.values() for method in one.methods]
ON_THE_BUS = [detect_pb2.Face.DESCRIPTOR, grade_pb2.Graded.DESCRIPTOR, capture_pb2.Beat.DESCRIPTOR]
KINDS = sorted({kind.full_name: kind for kind in [*REQUESTS, *ON_THE_BUS]}.values(), key=lambda kind: kind.full_name)


@pytest.fixture(scope="module")
def validator() -> Any:
    """protovalidate's own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("buf", "buf.validate", "buf.validate.validate_pb2"):
            patch.setitem(sys.modules, name, importlib.import_module(f"wince.api.{name}"))
        import protovalidate

        yield protovalidate.Validator()


def path(violation: Any) -> str:
    """The field, as our errors name it; of a map without the key."""
    elements = violation.proto.field.elements
    return ".".join(one.field_name + (f"[{one.index}]" if one.HasField("index") else "") for one in elements)


def theirs(validator: Any, message: Message) -> set[str]:
    return {path(one) for one in validator.collect_violations(message)}


AUTHORS = {
    method.input_type.full_name: right
    for proto in PROTOS
    for service in proto.DESCRIPTOR.services_by_name.values()
    for method in service.methods
    if (right := RIGHTS[f"/{service.full_name}/{method.name}"]).author
}
"""Requests that name who decides: left empty, the server fills the caller in before it looks."""
SOMEBODY = Caller("n-17", frozenset(Role))


def ours(message: Message) -> str:
    said = type(message)()
    said.CopyFrom(message)
    if (right := AUTHORS.get(message.DESCRIPTOR.full_name)) is not None:
        Gate(SOMEBODY, "", right, None, Credential((), (), 0)).admit(said)
    try:
        inbound.check(said)
    except MessageError as error:
        return error.field
    return ""


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.full_name)
def test_what_keeps_and_breaks_a_rule_does_so_for_protovalidate(validator, kind):
    """Of the message itself and of what it holds; what that holds in turn has a turn of its own, or comes by chance below."""
    assert theirs(validator, lawful(kind)) == set()
    for one in broken(kind):
        if one.path.count(".") > 1:
            continue
        if one.rule in ("one of", "at most one of"):  # which is of several fields
            assert theirs(validator, one.message), (one.path, one.rule)
        else:
            assert theirs(validator, one.message) == {one.path}, one.rule


TEXTS = st.sampled_from(["", "cam-1", ID, "ab" * 32, "a b", "ä" * 200, "x" * 130, "ICU^1^A"])
NUMBERS = {
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_INT64: st.sampled_from([0, 1, -1, 1_770_000_000_000_000, 2**63 - 1]),
    FieldDescriptor.CPPTYPE_UINT64: st.sampled_from([0, 1, 2**64 - 1]),
    FieldDescriptor.CPPTYPE_UINT32: st.sampled_from([0, 1, 15, 16, 90, 1000, 1001, 2**32 - 1]),
    FieldDescriptor.CPPTYPE_ENUM: st.sampled_from([0, 1, 2, 77]),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
}


@st.composite
def near(draw: Any, kind: Descriptor) -> Any:
    """A lawful message in which some fields, at any depth, hold something else, or nothing."""
    message = lawful(kind)
    for _ in range(draw(st.integers(0, 3))):
        place, of = message, kind
        while True:
            field = draw(st.sampled_from(list(of.fields))) if of.fields else None
            if field is None or field.message_type is None or field.is_repeated:
                break
            place, of = getattr(place, field.name), field.message_type
            place.SetInParent()
        if field is None or (field.message_type is not None and field.message_type.GetOptions().map_entry):
            continue
        if draw(st.booleans()):
            place.ClearField(field.name)
        elif field.message_type is not None:
            getattr(place, field.name).append(GetMessageClass(field.message_type)())
        else:
            value = draw(NUMBERS.get(field.cpp_type, TEXTS))
            value = value.encode() if field.type == FieldDescriptor.TYPE_BYTES else value
            if field.is_repeated:
                getattr(place, field.name).append(value)
            else:
                setattr(place, field.name, value)
    return message


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(message=st.sampled_from(KINDS).flatmap(near))
def test_on_any_message_the_verdict_is_protovalidates(validator, message):
    """But for staff identifiers, of which more is asked than a rule can say: a server fills in an empty one before it looks."""
    wrong = ours(message)
    found = theirs(validator, message)
    assert bool(wrong) == bool(found), (wrong, found)
