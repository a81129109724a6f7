"""Stay, Occupancy <-> wince.api.hospital.v1."""

from datetime import date
from typing import Any

from wince.api.hospital.v1 import hospital_pb2 as pb
from wince.codec import checks
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.errors import MessageError


def identifier_to_message(identifier: Identifier) -> pb.Identifier:
    """Domain to protobuf."""
    return pb.Identifier(system=identifier.system, value=identifier.value)


def identifier_from_message(message: pb.Identifier, path: str) -> Identifier:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Identifier(system=checks.text(message.system, f"{path}.system"), value=checks.text(message.value, f"{path}.value"))


def encounter_text(message: Any) -> str:
    """The encounter that a message with `encounter` (a text, deprecated) and `encounter_id` names: "number", or "authority|number".
    MessageError where it names none, or two."""
    if not message.HasField("encounter_id"):
        return checks.text(message.encounter, "encounter" if message.encounter else "encounter_id")
    about = identifier_from_message(message.encounter_id, "encounter_id")
    named = f"{about.system}|{about.value}"
    if message.encounter not in ("", about.value, named):
        raise MessageError("is another encounter than encounter_id says", field="encounter", remedy="leave it out")
    return named


def date_to_message(day: date | None) -> pb.Date | None:
    """Domain to protobuf."""
    return None if day is None else pb.Date(year=day.year, month=day.month, day=day.day)


def date_from_message(message: pb.Date) -> date:
    """Protobuf to domain; MessageError names the field that is wrong."""
    try:
        return date(message.year, message.month, message.day)
    except (ValueError, OverflowError):
        raise MessageError("must be a day of the calendar", field="birth_date") from None


def stay_to_message(stay: Stay) -> pb.Stay:
    """Domain to protobuf."""
    return pb.Stay(
        id=str(stay.id),
        bed=stay.bed,
        patient=identifier_to_message(stay.patient),
        encounter=identifier_to_message(stay.encounter),
        start_us=stay.start_us,
        end_us=stay.end_us,
        recorded_us=stay.recorded_us,
        superseded_us=stay.superseded_us,
        birth_date=date_to_message(stay.birth_date),
        ward=stay.ward,
    )


def stay_from_message(message: pb.Stay) -> Stay:
    """Protobuf to domain; MessageError names the field that is wrong."""
    end_us = None
    if message.HasField("end_us"):
        _, end_us = checks.interval(message.start_us, message.end_us)
    return Stay(
        id=checks.identity(message.id, "id"),
        bed=checks.text(message.bed, "bed"),
        patient=identifier_from_message(message.patient, "patient"),
        encounter=identifier_from_message(message.encounter, "encounter"),
        start_us=checks.moment(message.start_us, "start_us"),
        end_us=end_us,
        recorded_us=checks.moment(message.recorded_us, "recorded_us"),
        superseded_us=checks.moment(message.superseded_us, "superseded_us") if message.HasField("superseded_us") else None,
        birth_date=date_from_message(message.birth_date) if message.HasField("birth_date") else None,
        ward=message.ward,
    )


def occupancy_to_message(occupancy: Occupancy) -> pb.Occupancy:
    """Domain to protobuf."""
    return pb.Occupancy(
        source=occupancy.source,
        at_us=occupancy.at_us,
        stay=None if occupancy.stay is None else stay_to_message(occupancy.stay),
        ambiguous=occupancy.ambiguous,
        bed=occupancy.bed,
    )


def occupancy_from_message(message: pb.Occupancy) -> Occupancy:
    """Protobuf to domain; MessageError names the field that is wrong. An ambiguous bed has no stay."""
    if message.ambiguous and message.HasField("stay"):
        raise MessageError("must be absent where the bed is ambiguous", field="stay")
    return Occupancy(
        source=checks.source(message.source),
        at_us=checks.moment(message.at_us, "at_us"),
        stay=stay_from_message(message.stay) if message.HasField("stay") else None,
        ambiguous=message.ambiguous,
        bed=message.bed,
    )
