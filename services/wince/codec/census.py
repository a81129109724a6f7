"""InDoubt, Differing <-> wince.api.hospital.v1."""

from __future__ import annotations

from wince.api.hospital.v1 import hospital_pb2 as pb
from wince.codec import checks
from wince.codec.hospital import (
    date_from_message,
    date_to_message,
    identifier_from_message,
    identifier_to_message,
    stay_from_message,
    stay_to_message,
)
from wince.domain.outside import Difference, Differing, Listed
from wince.domain.trust import Cause, InDoubt
from wince.errors import MessageError


def doubt_to_message(one: InDoubt) -> pb.Doubt:
    """Domain to protobuf."""
    return pb.Doubt(
        bed=one.bed,
        cause=pb.DoubtCause.Value(f"DOUBT_CAUSE_{one.cause.name}"),
        from_us=one.from_us,
        kind=pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{Difference(one.kind).name}") if one.kind else pb.DIFFERENCE_KIND_UNSPECIFIED,
        encounter=None if one.encounter is None else identifier_to_message(one.encounter),
    )


def doubt_from_message(message: pb.Doubt) -> InDoubt:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return InDoubt(
        checks.text(message.bed, "bed"),
        Cause[_name(pb.DoubtCause.Name, message.cause, "DOUBT_CAUSE_", "cause")],
        checks.moment(message.from_us, "from_us"),
        Difference[_name(pb.DifferenceKind.Name, message.kind, "DIFFERENCE_KIND_", "kind")].value if message.kind else "",
        identifier_from_message(message.encounter, "encounter") if message.HasField("encounter") else None,
    )


def difference_to_message(one: Differing) -> pb.Difference:
    """Domain to protobuf."""
    return pb.Difference(
        kind=pb.DifferenceKind.Value(f"DIFFERENCE_KIND_{one.kind.name}"),
        bed=one.bed,
        listed=[_listed_to_message(row) for row in one.listed],
        believed=[stay_to_message(stay) for stay in one.believed],
    )


def difference_from_message(message: pb.Difference) -> Differing:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Differing(
        Difference[_name(pb.DifferenceKind.Name, message.kind, "DIFFERENCE_KIND_", "kind")],
        checks.text(message.bed, "bed"),
        tuple(_listed_from_message(row) for row in message.listed),
        tuple(stay_from_message(stay) for stay in message.believed),
    )


def _listed_to_message(row: Listed) -> pb.Listed:
    return pb.Listed(
        patient=identifier_to_message(row.patient),
        encounter=identifier_to_message(row.encounter),
        bed=row.bed,
        since_us=row.since_us,
        birth_date=date_to_message(row.birth_date),
    )


def _listed_from_message(message: pb.Listed) -> Listed:
    return Listed(
        identifier_from_message(message.patient, "patient"),
        identifier_from_message(message.encounter, "encounter"),
        checks.text(message.bed, "bed"),
        checks.moment(message.since_us, "since_us") if message.HasField("since_us") else None,
        date_from_message(message.birth_date) if message.HasField("birth_date") else None,
    )


def _name(named: object, number: int, prefix: str, field: str) -> str:
    try:
        name = str(named(number)).removeprefix(prefix)  # type: ignore[operator]
    except ValueError:
        name = "UNSPECIFIED"
    if name == "UNSPECIFIED":
        raise MessageError("is no value that is known here", field=field, remedy="was it written by a newer Wince?")
    return name
