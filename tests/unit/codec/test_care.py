"""What people say, in the words of this version and of the one before it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from wince.api.care.v1 import care_pb2 as pb
from wince.codec import care
from wince.domain.assessment import Verdict
from wince.domain.care import EncounterState, FaceState
from wince.domain.stay import Identifier
from wince.errors import MessageError

VERDICT = Verdict(UUID(int=1), UUID(int=2), UUID(int=3), "n-7", None, 5)
STATE = EncounterState("A|V1", None, 5, "n-7", Identifier("A", "V1"))


def test_that_she_cannot_tell_is_said_and_what_older_clients_leave_out_means_it():
    message = care.verdict_to_message(VERDICT)
    assert (message.cannot_tell, message.HasField("grade")) == (True, False)
    assert care.verdict_from_message(message) == VERDICT
    message.ClearField("cannot_tell")
    assert care.verdict_from_message(message) == VERDICT
    graded = care.verdict_to_message(replace(VERDICT, grade=0))
    assert (graded.cannot_tell, care.verdict_from_message(graded).grade) == (False, 0)
    graded.cannot_tell = True
    with pytest.raises(MessageError) as caught:
        care.verdict_from_message(graded)
    assert caught.value.field == "cannot_tell"


def test_an_assessable_face_is_said_and_what_older_clients_leave_out_means_it():
    message = care.encounter_state_to_message(STATE)
    assert message.face == pb.FACE_STATE_ASSESSABLE
    assert care.encounter_state_from_message(message) == STATE
    message.face = pb.FACE_STATE_UNSPECIFIED
    assert care.encounter_state_from_message(message) == STATE
    for face in FaceState:
        assert care.encounter_state_from_message(care.encounter_state_to_message(replace(STATE, face=face))).face is face
    message.face = 99
    with pytest.raises(MessageError, match="none that this version knows"):
        care.encounter_state_from_message(message)


def test_bytes_of_the_version_before_mean_what_they_meant():
    """Field numbers as they were: 1 id, 3 assessment, 4 nurse, 6 time; and 1 encounter, 3 time, 4 nurse."""
    identity = b"00000000-0000-0000-0000-00000000000"
    verdict = b"\x0a\x24" + identity + b"1\x12\x24" + identity + b"2\x1a\x24" + identity + b"3\x22\x03n-7\x30\x05"
    assert care.verdict_from_message(pb.Verdict.FromString(verdict)) == VERDICT
    state = b"\x0a\x04A|V1\x18\x05\x22\x03n-7"
    assert care.encounter_state_from_message(pb.PatientState.FromString(state)) == replace(STATE, identifier=None)
    paralysed = b"\x0a\x04A|V1\x10\x01\x18\x05\x22\x03n-7"
    assert care.encounter_state_from_message(pb.PatientState.FromString(paralysed)).face is FaceState.PARALYSED


@pytest.mark.parametrize(
    ("encounter", "identifier", "field"),
    [
        ("", ("A", ""), "encounter_id.value"),
        ("", None, "encounter_id"),
        ("V2", ("A", "V1"), "encounter"),
        ("B|V1", ("A", "V1"), "encounter"),
    ],
)
def test_an_encounter_is_named_once(encounter, identifier, field):
    known = None if identifier is None else {"system": identifier[0], "value": identifier[1]}
    with pytest.raises(MessageError) as caught:
        care.encounter_state_from_message(pb.PatientState(encounter=encounter, encounter_id=known, since_us=1, nurse="n"))
    assert caught.value.field == field
