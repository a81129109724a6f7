"""Which domain type is which protobuf message; encode and decode by it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from wince.api.capture.v1 import capture_pb2
from wince.api.care.v1 import care_pb2
from wince.api.detect.v1 import detect_pb2
from wince.api.estimate.v1 import estimate_pb2
from wince.api.grade.v1 import grade_pb2
from wince.api.hospital.v1 import hospital_pb2
from wince.codec import capture, care, detect, estimate, grade, hospital, inbound
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.care import PatientState, Pause
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.domain.snapshot import Graded, Snapshot
from wince.domain.stay import Occupancy, Stay
from wince.errors import MessageError

Encodable = Beat | Face | Estimate | Assessment | Alert | Question | Snapshot | Graded | Verdict | Pause | PatientState | Stay | Occupancy
"""What encode takes and decode gives."""

MAX_BYTES = 1024 * 1024
"""Largest encoded message but a Snapshot and a Graded."""


@dataclass(frozen=True, slots=True)
class _Codec:
    kind: type
    message: type[Message]
    to_message: Callable[[Any], Message]
    from_message: Callable[[Any], Encodable]
    max_bytes: int = MAX_BYTES


_CODECS = (
    _Codec(Beat, capture_pb2.Beat, capture.beat_to_message, capture.beat_from_message),
    _Codec(Face, detect_pb2.Face, detect.face_to_message, detect.face_from_message),
    _Codec(Estimate, estimate_pb2.Estimate, estimate.estimate_to_message, estimate.estimate_from_message),
    _Codec(Assessment, grade_pb2.Assessment, grade.assessment_to_message, grade.assessment_from_message),
    _Codec(Alert, grade_pb2.Alert, grade.alert_to_message, grade.alert_from_message),
    _Codec(Question, grade_pb2.Question, grade.question_to_message, grade.question_from_message),
    _Codec(Snapshot, grade_pb2.Snapshot, grade.snapshot_to_message, grade.snapshot_from_message, grade.MAX_STATE + 1024),
    _Codec(Graded, grade_pb2.Graded, grade.graded_to_message, grade.graded_from_message, 4 * grade.MAX_STATE),
    _Codec(Verdict, care_pb2.Verdict, care.verdict_to_message, care.verdict_from_message),
    _Codec(Pause, care_pb2.SourcePause, care.pause_to_message, care.pause_from_message),
    _Codec(PatientState, care_pb2.SourcePatientState, care.state_to_message, care.state_from_message),
    _Codec(Stay, hospital_pb2.Stay, hospital.stay_to_message, hospital.stay_from_message),
    _Codec(Occupancy, hospital_pb2.Occupancy, hospital.occupancy_to_message, hospital.occupancy_from_message),
)
_BY_SCHEMA = {str(codec.message.DESCRIPTOR.full_name): codec for codec in _CODECS}
_BY_KIND = {codec.kind: (schema, codec) for schema, codec in _BY_SCHEMA.items()}

SCHEMAS = frozenset(_BY_SCHEMA)
"""Every schema name that decode knows."""


def encode(item: Encodable) -> tuple[str, bytes]:
    """(schema name, bytes) of a domain message. Equal messages give equal bytes.

    Raises MessageError where the item can't be written or is larger than its cap; TypeError for a type that is no message.
    """
    found = _BY_KIND.get(type(item))
    if found is None:
        raise TypeError(f"{type(item).__name__} is no message")
    schema, codec = found
    try:
        data = codec.to_message(item).SerializeToString(deterministic=True)
    except (TypeError, ValueError) as error:
        # Without the cause: its text may quote a value.
        raise MessageError(f"can't be written ({type(error).__name__})", field=schema) from None
    if len(data) > codec.max_bytes:
        raise MessageError(f"has {len(data)} bytes, more than {codec.max_bytes}", field=schema)
    return schema, data


def received(schema: str, data: bytes) -> Encodable:
    """As `decode`, of what came over the bus: it must also pass what `inbound.check` asks."""
    return decode(schema, data, stored=False)


def decode(schema: str, data: bytes, *, stored: bool = True) -> Encodable:
    """The domain message of bytes. `stored`: they stood in our own store, which may be of an older version that asked less.

    Raises MessageError that names schema and field for an unknown schema, too many bytes, bytes that are no such message,
    and values out of range. Its text holds no value of the message.
    """
    codec = _BY_SCHEMA.get(schema)
    if codec is None:
        raise MessageError("unknown schema", field="schema", remedy="upgrade this service, or correct the sender")
    if len(data) > codec.max_bytes:
        raise MessageError(f"has {len(data)} bytes, more than {codec.max_bytes}", field=schema, remedy="send less")
    try:
        message = codec.message.FromString(data)
        if not stored:
            inbound.check(message)
        return codec.from_message(message)
    except DecodeError:
        raise MessageError(f"{len(data)} bytes that are no such message", field=schema, remedy="check the sender's version") from None
    except MessageError as error:
        raise MessageError(error.message, field=f"{schema}.{error.field}", remedy=error.remedy or "correct the sender") from None
