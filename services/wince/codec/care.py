"""Verdict <-> wince.api.care.v1.Verdict."""

from wince.api.care.v1 import care_pb2 as pb
from wince.codec import checks
from wince.domain.assessment import Verdict


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
