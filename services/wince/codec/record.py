"""Entry, AuditRow and Acknowledgement <-> wince.api.record.v1. Others read what Wince charted, and never write it: clients alone read an
entry back."""

from __future__ import annotations

from wince.api.record.v1 import acknowledgement_pb2
from wince.api.record.v1 import record_pb2 as pb
from wince.codec import checks, reason
from wince.codec.estimate import units_from_message, units_to_message
from wince.codec.hospital import identifier_from_message, identifier_to_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.audit import AuditRow
from wince.domain.entry import Entry, Kind
from wince.errors import MessageError

_KINDS = {kind: pb.EntryKind.Value(f"ENTRY_KIND_{kind.name}") for kind in Kind}
_STATUS = {
    "preliminary": pb.ENTRY_STATUS_PRELIMINARY,
    "final": pb.ENTRY_STATUS_FINAL,
    "corrected": pb.ENTRY_STATUS_CORRECTED,
    "entered-in-error": pb.ENTRY_STATUS_ENTERED_IN_ERROR,
}


def entry_to_message(entry: Entry) -> pb.Entry:
    """Domain to protobuf."""
    return pb.Entry(
        id=str(entry.id),
        revision=entry.revision,
        kind=_KINDS[entry.kind],
        origin_id=str(entry.origin),
        assessment_id=str(entry.assessment),
        source=entry.source,
        bed=entry.bed,
        stay_id=str(entry.stay),
        patient=identifier_to_message(entry.patient),
        encounter=identifier_to_message(entry.encounter),
        protocol=entry.protocol,
        start_us=entry.start_us,
        end_us=entry.end_us,
        issued_us=entry.issued_us,
        grade=entry.grade,
        grade_name=entry.grade_name,
        score=entry.score,
        median=entry.median,
        peak=entry.peak,
        assessable_share=entry.assessable_share,
        confidence=entry.confidence,
        reason=reason.to_message(entry.reason),
        units=units_to_message(entry.units) if entry.units else None,
        personal=entry.personal,
        model_set=entry.model_set,
        rule=entry.rule,
        status=_STATUS.get(entry.status, pb.ENTRY_STATUS_UNSPECIFIED),
        nurse=entry.nurse,
    )


def entry_from_message(message: pb.Entry) -> Entry:
    """Protobuf to domain, as far as an answer says it; MessageError names the field that is wrong."""
    kinds: dict[int, Kind] = {number: kind for kind, number in _KINDS.items()}
    statuses: dict[int, str] = {number: status for status, number in _STATUS.items()}
    for number, known, field in ((message.kind, kinds, "kind"), (message.status, statuses, "status")):
        if number not in known:
            raise MessageError("is none that this version knows", field=field, remedy="upgrade this client")
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    return Entry(
        id=checks.identity(message.id, "id"),
        revision=message.revision,
        kind=kinds[message.kind],
        origin=checks.identity(message.origin_id, "origin_id"),
        assessment=checks.identity(message.assessment_id, "assessment_id"),
        source=checks.source(message.source),
        bed=message.bed,
        stay=checks.identity(message.stay_id, "stay_id"),
        patient=identifier_from_message(message.patient, "patient"),
        encounter=identifier_from_message(message.encounter, "encounter"),
        protocol=message.protocol,
        start_us=start_us,
        end_us=end_us,
        issued_us=message.issued_us,
        grade=message.grade if message.HasField("grade") else None,
        grade_name=message.grade_name,
        score=message.score if message.HasField("score") else None,
        median=message.median if message.HasField("median") else None,
        peak=message.peak if message.HasField("peak") else None,
        assessable_share=message.assessable_share,
        confidence=message.confidence if message.HasField("confidence") else None,
        reason=reason.from_message(message.reason),
        units=units_from_message(message.units, "units") if message.HasField("units") else (),
        personal=message.personal,
        model_set=message.model_set,
        rule=message.rule,
        status=statuses[message.status],
        nurse=message.nurse,
    )


def audit_to_message(row: AuditRow) -> pb.AuditEntry:
    """A link of the chain, without its payload."""
    return pb.AuditEntry(
        sequence=row.seq,
        at=row.at,
        entry_id=str(row.entry),
        revision=row.revision or None,
        event=row.event,
        attempt=row.attempt or None,
        digest=row.digest,
        previous_hash=row.prev_hash,
        hash=row.hash,
        target=row.target,
    )


def audit_from_message(message: pb.AuditEntry) -> AuditRow:
    """A link of the chain, whose payload stays where it is. MessageError names the field that is wrong."""
    return AuditRow(
        message.sequence,
        message.at,
        checks.identity(message.entry_id, "entry_id"),
        message.revision,
        message.event,
        message.attempt,
        message.digest,
        message.previous_hash,
        message.hash,
        None,
        message.target,
    )


def acknowledgement_to_message(said: Acknowledgement) -> acknowledgement_pb2.Acknowledgement:
    """Domain to protobuf."""
    return acknowledgement_pb2.Acknowledgement(alert_id=str(said.alert), nurse=said.nurse, at_us=said.at_us)


def acknowledgement_from_message(message: acknowledgement_pb2.Acknowledgement) -> Acknowledgement:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Acknowledgement(
        checks.identity(message.alert_id, "alert_id"), checks.text(message.nurse, "nurse"), checks.moment(message.at_us, "at_us")
    )
