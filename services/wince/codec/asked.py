"""Questions as care and record tell them -> domain, with place and state; and where a thing was seen."""

from __future__ import annotations

from wince.api.capture.v1 import capture_pb2
from wince.api.care.v1 import question_state_pb2
from wince.api.grade.v1 import grade_pb2
from wince.codec import checks, reason
from wince.codec.hospital import identifier_from_message
from wince.domain.asked import AskedQuestion, QuestionState
from wince.domain.stay import Bedside
from wince.errors import MessageError

_STATES: dict[int, QuestionState] = {
    question_state_pb2.QuestionState.Value(f"QUESTION_STATE_{state.name}"): state for state in QuestionState
}


def asked_from_message(message: grade_pb2.Question, state: int, verdict: str = "") -> AskedQuestion:
    """Protobuf to domain; MessageError names the field that is wrong. `verdict`: id of that which answered it; empty: none is said."""
    if state not in _STATES:
        raise MessageError("is none that this version knows", field="state", remedy="upgrade this client")
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    return AskedQuestion(
        id=checks.identity(message.id, "id"),
        assessment=checks.identity(message.assessment_id, "assessment_id") if message.assessment_id else None,
        source=message.source,
        protocol=message.protocol,
        start_us=start_us,
        end_us=end_us,
        reason=reason.required(message.reason),
        place=bedside_from_message(message),
        state=_STATES[state],
        verdict=checks.identity(verdict, "verdict_id") if verdict else None,
    )


def bedside_from_message(message: grade_pb2.Assessment | grade_pb2.Alert | grade_pb2.Question | capture_pb2.Camera) -> Bedside:
    """Where it was seen, as an answer of record, care or capture says it."""
    known = identifier_from_message(message.encounter, "encounter") if message.HasField("encounter") else None
    return Bedside(message.bed, known)
