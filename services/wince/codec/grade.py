"""Assessment, Alert, Question, Snapshot <-> wince.api.grade.v1."""

from wince.api.capture.v1 import capture_pb2
from wince.api.grade.v1 import grade_pb2 as pb
from wince.codec import checks, reason
from wince.codec.estimate import units_from_message, units_to_message
from wince.codec.hospital import identifier_to_message
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.reason import Reason
from wince.domain.snapshot import Graded, Snapshot
from wince.domain.stay import Bedside
from wince.errors import MessageError

MAX_STATE = 4 * 1024 * 1024
"""Largest state of a fold, bytes."""


def assessment_to_message(assessment: Assessment) -> pb.Assessment:
    """Domain to protobuf."""
    return pb.Assessment(
        id=str(assessment.id),
        source=assessment.source,
        protocol=assessment.protocol,
        start_us=assessment.start_us,
        end_us=assessment.end_us,
        grade=assessment.grade,
        grade_name=assessment.grade_name,
        median=assessment.median,
        peak=assessment.peak,
        assessable_share=assessment.assessable_share,
        confidence=assessment.confidence,
        reason=reason.to_message(assessment.reason),
        frames=assessment.frames,
        reasons=[pb.ReasonCount(reason=reason.to_message(why), frames=count) for why, count in assessment.reasons.items()],
        units=units_to_message(assessment.units) if assessment.units else None,
        personal=assessment.personal,
        model_set=assessment.model_set,
        rule=assessment.rule,
        basis=assessment.basis,
        shadow=assessment.shadow,
    )


def _reasons_from_message(message: pb.Assessment) -> dict[Reason, int]:
    counts: dict[Reason, int] = {}
    for item in message.reasons:
        why = reason.required(item.reason, "reasons.reason")
        if why in counts or item.frames == 0:
            raise MessageError("each reason at most once, with a count above 0", field="reasons")
        counts[why] = item.frames
    return counts


def assessment_from_message(message: pb.Assessment) -> Assessment:
    """Protobuf to domain; MessageError names the field that is wrong. There is a grade, or a reason, never both."""
    why = reason.from_message(message.reason)
    if (why is None) != message.HasField("grade"):
        raise MessageError("there must be a grade or a reason, and not both", field="grade")
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    return Assessment(
        id=checks.identity(message.id, "id"),
        source=checks.source(message.source),
        protocol=checks.text(message.protocol, "protocol"),
        start_us=start_us,
        end_us=end_us,
        grade=message.grade if message.HasField("grade") else None,
        grade_name=message.grade_name,
        median=checks.finite(message.median, "median") if message.HasField("median") else None,
        peak=checks.finite(message.peak, "peak") if message.HasField("peak") else None,
        assessable_share=checks.within(message.assessable_share, 0, 1, "assessable_share"),
        confidence=checks.within(message.confidence, 0, 1, "confidence") if message.HasField("confidence") else None,
        reason=why,
        frames=message.frames,
        reasons=_reasons_from_message(message),
        units=units_from_message(message.units, "units") if message.HasField("units") else (),
        personal=message.personal,
        model_set=message.model_set,
        rule=message.rule,
        basis=message.basis,
        shadow=message.shadow,
    )


def alert_to_message(alert: Alert) -> pb.Alert:
    """Domain to protobuf."""
    return pb.Alert(
        id=str(alert.id),
        assessment_id=str(alert.assessment),
        source=alert.source,
        protocol=alert.protocol,
        start_us=alert.start_us,
        end_us=alert.end_us,
        grade=alert.grade,
        grade_name=alert.grade_name,
        peak=alert.peak,
    )


def alert_from_message(message: pb.Alert) -> Alert:
    """Protobuf to domain; MessageError names the field that is wrong."""
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    return Alert(
        id=checks.identity(message.id, "id"),
        assessment=checks.identity(message.assessment_id, "assessment_id"),
        source=checks.source(message.source),
        protocol=checks.text(message.protocol, "protocol"),
        start_us=start_us,
        end_us=end_us,
        grade=message.grade,
        grade_name=message.grade_name,
        peak=checks.finite(message.peak, "peak"),
    )


def question_to_message(question: Question) -> pb.Question:
    """Domain to protobuf."""
    return pb.Question(
        id=str(question.id),
        assessment_id=str(question.assessment),
        source=question.source,
        protocol=question.protocol,
        start_us=question.start_us,
        end_us=question.end_us,
        reason=reason.to_message(question.reason),
    )


def question_from_message(message: pb.Question) -> Question:
    """Protobuf to domain; MessageError names the field that is wrong."""
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    return Question(
        id=checks.identity(message.id, "id"),
        assessment=checks.identity(message.assessment_id, "assessment_id"),
        source=checks.source(message.source),
        protocol=checks.text(message.protocol, "protocol"),
        start_us=start_us,
        end_us=end_us,
        reason=reason.required(message.reason),
    )


def at_bedside(message: pb.Assessment | pb.Alert | pb.Question | capture_pb2.Camera, place: Bedside) -> None:
    """Say at which bed and of which encounter it is. On the bus nobody knows that."""
    message.bed = place.bed
    if place.encounter is not None:
        message.encounter.CopyFrom(identifier_to_message(place.encounter))


def snapshot_to_message(snapshot: Snapshot) -> pb.Snapshot:
    """Domain to protobuf."""
    return pb.Snapshot(
        source=snapshot.source,
        protocol=snapshot.protocol,
        fold_version=snapshot.fold_version,
        closed_until_us=snapshot.closed_until_us,
        state=snapshot.state,
    )


def snapshot_from_message(message: pb.Snapshot, protocol: str = "") -> Snapshot:
    """Protobuf to domain; MessageError names the field that is wrong. `protocol`: of one that says none, as older versions wrote it."""
    if message.fold_version == 0:
        raise MessageError("must be above 0", field="fold_version")
    if not 0 < len(message.state) <= MAX_STATE:
        raise MessageError(f"must have 1 to {MAX_STATE} bytes, has {len(message.state)}", field="state")
    return Snapshot(
        source=checks.source(message.source),
        protocol=checks.text(message.protocol or protocol, "protocol"),
        fold_version=message.fold_version,
        closed_until_us=checks.moment(message.closed_until_us, "closed_until_us"),
        state=message.state,
    )


def graded_to_message(graded: Graded) -> pb.Graded:
    """Domain to protobuf."""
    return pb.Graded(
        source=graded.source,
        assessments=[assessment_to_message(item) for item in graded.assessments],
        alerts=[alert_to_message(item) for item in graded.alerts],
        questions=[question_to_message(item) for item in graded.questions],
        snapshot=None if graded.snapshot is None else snapshot_to_message(graded.snapshot),
    )


def graded_from_message(message: pb.Graded) -> Graded:
    """Protobuf to domain; MessageError names the field that is wrong. Every part is of the same source."""
    of = message.assessments[0].protocol if message.assessments else ""
    graded = Graded(
        source=checks.source(message.source),
        assessments=tuple(map(assessment_from_message, message.assessments)),
        alerts=tuple(map(alert_from_message, message.alerts)),
        questions=tuple(map(question_from_message, message.questions)),
        snapshot=snapshot_from_message(message.snapshot, of) if message.HasField("snapshot") else None,
    )
    parts: list[Assessment | Alert | Question | Snapshot] = [*graded.assessments, *graded.alerts, *graded.questions]
    if graded.snapshot is not None:
        parts.append(graded.snapshot)
    if any(part.source != graded.source for part in parts):
        raise MessageError("every part must be of the same source", field="source")
    return graded
