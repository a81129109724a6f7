"""What goes out comes back equal; what comes in wrong is refused by name, and quotes no value."""

import dataclasses
from uuid import UUID

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.codec import strategies
from wince.api.capture.v1 import capture_pb2
from wince.api.care.v1 import care_pb2
from wince.api.detect.v1 import detect_pb2
from wince.api.estimate.v1 import estimate_pb2
from wince.api.grade.v1 import grade_pb2
from wince.api.hospital.v1 import hospital_pb2
from wince.codec import SCHEMAS, Encodable, decode, encode, registry
from wince.codec import reason as reason_codec
from wince.domain.frame import Beat
from wince.domain.reason import Reason
from wince.errors import MessageError

ID = str(UUID(int=7))
CASES = {
    "beats": strategies.beats,
    "faces": strategies.faces(),
    "estimates": strategies.estimates(),
    "assessments": strategies.assessments(),
    "alerts": strategies.alerts(),
    "questions": strategies.questions(),
    "verdicts": strategies.verdicts,
    "pauses": strategies.pauses(),
    "states": strategies.states(),
    "stays": strategies.stays(),
    "occupancies": strategies.occupancies(),
    "snapshots": strategies.snapshots,
    "graded": strategies.graded(),
}


def same(left: object, right: object) -> bool:
    """Equal in type and value, arrays in dtype, shape and bits."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)
    if dataclasses.is_dataclass(left):
        return all(same(getattr(left, field.name), getattr(right, field.name)) for field in dataclasses.fields(left))
    return left == right


def refusal(schema: str, data: bytes) -> str:
    """Field that decode names; the schema itself where it takes the bytes."""
    try:
        decode(schema, data)
    except MessageError as error:
        return error.field if error.message and error.remedy else "refused without words"
    return schema


def test_every_schema_has_a_strategy() -> None:
    assert len(CASES) == len(SCHEMAS)


@pytest.mark.parametrize("case", CASES)
def test_round_trip(case: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(CASES[case])
    def check(message: Encodable) -> None:
        schema, data = encode(message)
        assert schema in SCHEMAS
        back = decode(schema, data)
        assert same(back, message)
        assert encode(back) == (schema, data), "equal messages give equal bytes"

    check()


@pytest.mark.parametrize("schema", sorted(SCHEMAS))
@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_noise_gives_a_message_or_a_named_error(schema: str, data: bytes) -> None:
    assert refusal(schema, data).startswith(schema)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(strategies.messages, st.data())
def test_a_cut_or_flipped_message_gives_a_message_or_a_named_error(message: Encodable, data: st.DataObject) -> None:
    schema, encoded = encode(message)
    position = data.draw(st.integers(0, max(0, len(encoded) - 1)))
    flipped = bytearray(encoded)
    if flipped:
        flipped[position] ^= data.draw(st.integers(1, 255))
    for broken in (encoded[:position], bytes(flipped)):
        assert refusal(schema, broken).startswith(schema)


def test_every_reason_has_its_number_and_back() -> None:
    numbers = [reason_codec.to_message(reason) for reason in Reason]
    assert len(set(numbers)) == len(Reason)
    assert [reason_codec.from_message(number) for number in numbers] == list(Reason)
    assert reason_codec.from_message(reason_codec.to_message(None)) is None


READING = estimate_pb2.Reading(score=1, confidence=0.5, smile=0)
ASSESSMENT = {"id": ID, "source": "c", "protocol": "activity", "start_us": 5, "end_us": 9, "grade": 1}
STAY = {
    "id": ID,
    "bed": "b",
    "patient": hospital_pb2.Identifier(system="urn:x", value="SECRET"),
    "encounter": hospital_pb2.Identifier(system="urn:x", value="v"),
    "start_us": 10,
}
ALERT = {"id": ID, "assessment_id": ID, "source": "c", "protocol": "activity"}
BAD = [
    (capture_pb2.Beat(), "source"),
    (capture_pb2.Beat(source="x" * 257), "source"),
    (capture_pb2.Beat(source="c", time_us=-1), "time_us"),
    (capture_pb2.Beat(source="c", time_us=2**62), "time_us"),
    (capture_pb2.Beat(source="c", reason=99), "reason"),
    (estimate_pb2.Estimate(source="c"), "reading"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(score=float("nan"))), "reading.score"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(score=float("inf"))), "reading.score"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(confidence=1.01)), "reading.confidence"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(smile=float("nan"))), "reading.smile"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(units={"au9": 5.5})), "reading.units.au9"),
    (estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(units={"au43": 2.0})), "reading.units.au43"),
    (estimate_pb2.Estimate(source="c", reading=READING, embedding=b"abc"), "embedding"),
    (estimate_pb2.Estimate(source="c", reading=READING, embedding=bytes(4 * 4097)), "embedding"),
    (estimate_pb2.Estimate(source="c", reading=READING, embedding=b"\0\0\xc0\x7f"), "embedding"),
    (estimate_pb2.Estimate(source="c", reading=READING, probabilities={"m": {"values": [-0.1]}}), "probabilities"),
    (estimate_pb2.Estimate(source="c", reading=READING, pose={"yaw": 400.0}), "pose.yaw"),
    (detect_pb2.Face(source="c", frame_width=4), "frame_height"),
    (detect_pb2.Face(source="c", frame_height=4), "frame_width"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4), "box"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, box={"x0": 1}), "crop"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, box={"x0": float("nan")}), "box"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, landmarks=bytes(8)), "landmarks"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, features=bytes(8)), "features"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, features=b"\x00\x7c" * 8192), "features"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, crop=bytes(300_000)), "crop"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, grey=bytes(4095)), "grey"),
    (detect_pb2.Face(source="c", frame_width=4, frame_height=4, reason=10, quality={"brightness": 256}), "quality.brightness"),
    (grade_pb2.Assessment(**ASSESSMENT | {"id": ID.upper().replace("-", "")}), "id"),
    (grade_pb2.Assessment(**ASSESSMENT | {"end_us": 4}), "end_us"),
    (grade_pb2.Assessment(**ASSESSMENT | {"protocol": ""}), "protocol"),
    (grade_pb2.Assessment(**ASSESSMENT, reason=11), "grade"),
    (grade_pb2.Assessment(**ASSESSMENT | {"grade": None}), "grade"),
    (grade_pb2.Assessment(**ASSESSMENT, assessable_share=1.5), "assessable_share"),
    (grade_pb2.Assessment(**ASSESSMENT, median=float("nan")), "median"),
    (grade_pb2.Assessment(**ASSESSMENT, peak=float("-inf")), "peak"),
    (grade_pb2.Assessment(**ASSESSMENT, confidence=-1), "confidence"),
    (grade_pb2.Assessment(**ASSESSMENT, reasons=[{"reason": 10, "frames": 1}] * 2), "reasons"),
    (grade_pb2.Assessment(**ASSESSMENT, reasons=[{"frames": 1}]), "reasons.reason"),
    (grade_pb2.Assessment(**ASSESSMENT, units={"au4": -1}), "units.au4"),
    (grade_pb2.Alert(**ALERT, peak=float("nan")), "peak"),
    (grade_pb2.Alert(**ALERT | {"assessment_id": ""}), "assessment_id"),
    (grade_pb2.Question(**ALERT), "reason"),
    (grade_pb2.Snapshot(source="c", state=b"x"), "fold_version"),
    (grade_pb2.Snapshot(source="c", fold_version=1), "state"),
    (care_pb2.Verdict(id=ID, assessment_id=ID), "nurse"),
    (care_pb2.Verdict(id=ID, assessment_id=ID, nurse="n", question_id="q"), "question_id"),
    (care_pb2.SourcePause(source="c", from_us=9, until_us=8), "until_us"),
    (care_pb2.SourcePatientState(source="c", from_us=9, until_us=8), "until_us"),
    (care_pb2.SourcePatientState(from_us=9), "source"),
    (grade_pb2.Graded(source="d", alerts=[grade_pb2.Alert(**ALERT)]), "source"),
    (hospital_pb2.Stay(**STAY, end_us=9), "end_us"),
    (hospital_pb2.Stay(**STAY, birth_date={"year": 1931, "month": 2, "day": 30}), "birth_date"),
    (hospital_pb2.Stay(**STAY | {"patient": None}), "patient.system"),
    (hospital_pb2.Stay(**STAY | {"bed": ""}), "bed"),
    (hospital_pb2.Occupancy(source="c", ambiguous=True, stay=hospital_pb2.Stay(**STAY)), "stay"),
]


@pytest.mark.parametrize(("message", "field"), BAD, ids=[f"{type(m).__name__}-{f}-{i}" for i, (m, f) in enumerate(BAD)])
def test_a_value_out_of_range_is_named_and_not_quoted(message: object, field: str) -> None:
    schema = message.DESCRIPTOR.full_name
    with pytest.raises(MessageError) as caught:
        decode(schema, message.SerializeToString())
    assert caught.value.field == f"{schema}.{field}"
    assert caught.value.remedy
    assert "SECRET" not in caught.value.diagnostics()


def test_an_unknown_schema_is_named() -> None:
    with pytest.raises(MessageError, match="unknown schema"):
        decode("wince.api.grade.v9.Assessment", b"")


def test_too_many_bytes_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(MessageError, match="more than"):
        decode("wince.api.capture.v1.Beat", bytes(registry.MAX_BYTES + 1))


def test_what_can_not_be_written_is_refused_without_its_value() -> None:
    with pytest.raises(MessageError) as caught:
        encode(Beat("Jane\ud800Doe", 0, 0, 0, 0))
    assert "Jane" not in caught.value.diagnostics()
    assert caught.value.__cause__ is None
    with pytest.raises(MessageError):
        encode(Beat("c", 2**70, 0, 0, 0))
    with pytest.raises(TypeError):
        encode("text")


def test_an_unmeasured_unit_is_absent_and_never_zero() -> None:
    message = estimate_pb2.Estimate(source="c", reading=estimate_pb2.Reading(units={"au4": 0.0}))
    estimate = decode("wince.api.estimate.v1.Estimate", message.SerializeToString())
    assert estimate.reading is not None
    units = estimate.reading.units
    assert units[0] == 0
    assert np.isnan(units[1:]).all()
