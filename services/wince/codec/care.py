"""Verdict, what people say of beds and encounters, and what grade heeds of it (Pause, PatientState) <-> wince.api.care.v1."""

from wince.api.care.v1 import care_pb2 as pb
from wince.codec import checks
from wince.codec.hospital import encounter_text, identifier_from_message, identifier_to_message
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause, EncounterState, FaceState, PatientState, Pause, PauseReason
from wince.domain.stay import Identifier
from wince.domain.withheld import Consent, Scope, Switch
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
        cannot_tell=verdict.grade is None,
    )


def verdict_from_message(message: pb.Verdict) -> Verdict:
    """Protobuf to domain; MessageError names the field that is wrong. Without grade and `cannot_tell` it is of an older client, or was
    stored by an older version: it means that she could not tell."""
    if message.cannot_tell and message.HasField("grade"):
        raise MessageError("must not be set beside a grade", field="cannot_tell", remedy="give the grade, or say that it can't be told")
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


_REASONS = {reason: pb.PauseReason.Value(f"PAUSE_REASON_{reason.name}") for reason in PauseReason}
_FACES = {face: pb.FaceState.Value(f"FACE_STATE_{face.name}") for face in FaceState}
_ASSESSABLE = (pb.FACE_STATE_UNSPECIFIED, pb.FACE_STATE_ASSESSABLE)


def bed_pause_to_message(pause: BedPause) -> pb.Pause:
    """Domain to protobuf."""
    return pb.Pause(
        id=str(pause.id),
        bed=pause.bed,
        start_us=pause.start_us,
        end_us=pause.end_us,
        reason=pb.PAUSE_REASON_UNSPECIFIED if pause.reason is None else _REASONS[pause.reason],
        nurse=pause.nurse,
    )


def bed_pause_from_message(message: pb.Pause) -> BedPause:
    """Protobuf to domain; MessageError names the field that is wrong."""
    start_us, end_us = checks.interval(message.start_us, message.end_us)
    reasons = {number: reason for reason, number in _REASONS.items()}
    if message.reason and message.reason not in reasons:
        raise MessageError("is none that this version knows", field="reason", remedy="upgrade this service")
    return BedPause(
        checks.identity(message.id, "id"),
        checks.text(message.bed, "bed"),
        start_us,
        end_us,
        reasons.get(message.reason),
        checks.text(message.nurse, "nurse"),
    )


def encounter_state_to_message(state: EncounterState) -> pb.PatientState:
    """Domain to protobuf."""
    face = pb.FACE_STATE_ASSESSABLE if state.face is None else _FACES[state.face]
    known = None if state.identifier is None else identifier_to_message(state.identifier)
    return pb.PatientState(encounter=state.encounter, face=face, since_us=state.since_us, nurse=state.nurse, encounter_id=known)


def encounter_state_from_message(message: pb.PatientState) -> EncounterState:
    """Protobuf to domain; MessageError names the field that is wrong. FACE_STATE_UNSPECIFIED is of an older client, or was stored by an
    older version: it means that the face can be assessed."""
    faces: dict[int, FaceState | None] = {number: face for face, number in _FACES.items()} | dict.fromkeys(_ASSESSABLE)
    if message.face not in faces:
        raise MessageError("is none that this version knows", field="face", remedy="upgrade this service")
    return EncounterState(
        encounter_text(message),
        faces[message.face],
        checks.moment(message.since_us, "since_us"),
        message.nurse,
        identifier_from_message(message.encounter_id, "encounter_id") if message.HasField("encounter_id") else None,
    )


_SCOPES = {scope: pb.SwitchScope.Value(f"SWITCH_SCOPE_{scope.name}") for scope in Scope}


def scope_to_number(scope: Scope) -> pb.SwitchScope.ValueType:
    """Domain to protobuf."""
    return _SCOPES[scope]


def scope_from_number(number: int) -> Scope:
    """What a switch is about. Raises MessageError for a number that is not known here."""
    scopes: dict[int, Scope] = {value: scope for scope, value in _SCOPES.items()}
    if number not in scopes:
        raise MessageError("must be given", field="scope", remedy="the site, a ward or a bed")
    return scopes[number]


def switch_to_message(switch: Switch) -> pb.Switch:
    """Domain to protobuf."""
    return pb.Switch(
        id=str(switch.id),
        scope=_SCOPES[switch.scope],
        name=switch.name,
        off_us=switch.off_us,
        on_us=switch.on_us,
        reason=switch.reason,
        by=switch.by,
    )


def consent_to_message(consent: Consent) -> pb.Consent:
    """Domain to protobuf; the identifier as "authority|number"."""
    about, named = consent.identifier, f"{consent.identifier.system}|{consent.identifier.value}"
    message = pb.Consent(given=consent.given, since_us=consent.from_us, nurse=consent.nurse)
    if consent.subject == "encounter":
        message.encounter = named
        message.encounter_id.CopyFrom(identifier_to_message(about))
    else:
        message.patient = named
    return message


def switch_from_message(message: pb.Switch) -> Switch:
    """Protobuf to domain; MessageError names the field that is wrong."""
    on_us = message.on_us if message.HasField("on_us") else None
    identity, scope = checks.identity(message.id, "id"), scope_from_number(message.scope)
    return Switch(identity, scope, message.name, message.off_us, on_us, message.reason, message.by)


def consent_from_message(message: pb.Consent) -> Consent:
    """Protobuf to domain, of an answer; MessageError names the field that is wrong."""
    if message.HasField("encounter_id"):
        subject, about = "encounter", identifier_from_message(message.encounter_id, "encounter_id")
    else:
        system, _, value = checks.text(message.patient, "patient").rpartition("|")
        subject, about = "patient", Identifier(system, value)
    return Consent(subject, about, message.given, checks.moment(message.since_us, "since_us"), message.nurse)
