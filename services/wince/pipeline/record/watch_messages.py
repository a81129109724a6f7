"""What watchers are told -> wince.api.record.v1.WatchResponse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from wince.api.care.v1 import care_pb2, question_state_pb2
from wince.api.grade.v1 import grade_pb2
from wince.api.record.v1 import watch_pb2 as pb
from wince.codec import reason
from wince.codec.grade import at_bedside
from wince.codec.record import acknowledgement_to_message, entry_to_message
from wince.domain.acknowledgement import Acknowledgement
from wince.domain.entry import Entry
from wince.domain.reason import Reason
from wince.domain.stay import Bedside
from wince.errors import MessageError
from wince.pipeline.record.told import Item, Kind
from wince.store.plain import load

KINDS: dict[int, Kind] = {pb.WatchKind.Value(f"WATCH_KIND_{kind.name}"): kind for kind in Kind}
_STATES = {state: question_state_pb2.QuestionState.Value(f"QUESTION_STATE_{state.upper()}") for state in ("open", "answered", "superseded")}


def kinds_of(numbers: Sequence[int]) -> frozenset[Kind]:
    """The kinds that a request names; all where it names none. Raises MessageError."""
    found = [KINDS.get(number) for number in numbers]
    if None in found or len(set(found)) != len(found):
        raise MessageError("must be known kinds, each once", field="kinds", remedy="leave it out for all, or upgrade this service")
    return frozenset(kind for kind in found if kind is not None) or frozenset(Kind)


def heartbeat(token: str, until_us: int) -> pb.WatchResponse:
    """All that was committed before a moment was told."""
    return pb.WatchResponse(resume_token=token, heartbeat=pb.Heartbeat(told_until_us=until_us))


def answer(item: Item, token: str = "", *, snapshot: bool = False) -> pb.WatchResponse:
    """An item as it is sent."""
    told = pb.WatchResponse(resume_token=token, snapshot=snapshot, bed=item.bed)
    match item.kind:
        case Kind.ASSESSMENT:
            told.assessment.CopyFrom(grade_pb2.Assessment.FromString(item.body))
            at_bedside(told.assessment, Bedside(item.bed, item.encounter))
        case Kind.ALERT:
            told.alert.CopyFrom(grade_pb2.Alert.FromString(item.body))
            at_bedside(told.alert, Bedside(item.bed, item.encounter))
        case Kind.VERDICT:
            told.verdict.CopyFrom(care_pb2.Verdict.FromString(item.body))
        case Kind.PAUSE:
            told.pause.CopyFrom(_pause(item))
        case Kind.QUESTION:
            told.question.CopyFrom(_question(item))
            at_bedside(told.question.question, Bedside(item.bed, item.encounter))
        case Kind.ENTRY:
            told.entry.CopyFrom(entry_to_message(load(Entry, item.body.decode())))
        case Kind.ACKNOWLEDGEMENT:
            alert, nurse, at_us = json.loads(item.body)
            told.acknowledgement.CopyFrom(acknowledgement_to_message(Acknowledgement(UUID(alert), nurse, at_us)))
    return told


def _pause(item: Item) -> care_pb2.Pause:
    pause = care_pb2.Pause.FromString(item.body)
    if item.extra is not None:
        pause.end_us = max(pause.start_us, min(pause.end_us, int(item.extra)))
    return pause


def _question(item: Item) -> pb.WatchedQuestion:
    identity, about, source, protocol, start_us, end_us, why = json.loads(item.body)
    question = grade_pb2.Question(
        id=identity, assessment_id=about or "", source=source, protocol=protocol, start_us=start_us, end_us=end_us,
        reason=reason.to_message(Reason(why)),
    )  # fmt: skip
    return pb.WatchedQuestion(question=question, state=_STATES[item.extra])
