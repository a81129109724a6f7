"""Verdict, and what grade heeds (Pause, PatientState) <-> wince.api.care.v1."""

from wince.api.care.v1 import care_pb2 as pb
from wince.codec import checks
from wince.domain.assessment import Verdict
from wince.domain.care import PatientState, Pause
from wince.errors import MessageError


def verdict_to_message(verdict: Verdict) -> pb.Verdict:
    """Domain to protobuf."""
    return pb.Verdict(
        id=str(verdict.id),
        question_id="" if verdict.question is None else str(verdict.question),
        assessment_id=str(verdict.assessment),
        nurse=verdict.nurse,
        grade=verdict.grade,
        at_us=verdict.at_us,
    )


def verdict_from_message(message: pb.Verdict) -> Verdict:
    """Protobuf to domain; MessageError names the field that is wrong."""
    return Verdict(
        id=checks.identity(message.id, "id"),
        question=checks.identity(message.question_id, "question_id") if message.question_id else None,
        assessment=checks.identity(message.assessment_id, "assessment_id"),
        nurse=checks.text(message.nurse, "nurse"),
        grade=message.grade if message.HasField("grade") else None,
        at_us=checks.moment(message.at_us, "at_us"),
    )


def _period(from_us: int, until_us: int) -> tuple[int, int]:
    checks.moment(from_us, "from_us")
    if checks.moment(until_us, "until_us") < from_us:
        raise MessageError("must not be before from_us", field="until_us")
    return from_us, until_us


def pause_to_message(pause: Pause) -> pb.SourcePause:
    """Domain to protobuf."""
    return pb.SourcePause(source=pause.source, from_us=pause.from_us, until_us=pause.until_us)


def pause_from_message(message: pb.SourcePause) -> Pause:
    """Protobuf to domain; MessageError names the field that is wrong."""
    from_us, until_us = _period(message.from_us, message.until_us)
    return Pause(source=checks.source(message.source), from_us=from_us, until_us=until_us)


def state_to_message(state: PatientState) -> pb.SourcePatientState:
    """Domain to protobuf."""
    return pb.SourcePatientState(
        source=state.source,
        from_us=state.from_us,
        until_us=state.until_us,
        assessable_by_face=state.assessable_by_face,
    )


def state_from_message(message: pb.SourcePatientState) -> PatientState:
    """Protobuf to domain; MessageError names the field that is wrong."""
    until_us = None
    if message.HasField("until_us"):
        _, until_us = _period(message.from_us, message.until_us)
    return PatientState(
        source=checks.source(message.source),
        from_us=checks.moment(message.from_us, "from_us"),
        until_us=until_us,
        assessable_by_face=message.assessable_by_face,
    )
