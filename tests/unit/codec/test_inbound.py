"""What comes in by a call or from the bus: texts without control characters, an author, a moment, a camera's name."""

from uuid import UUID

import pytest

from wince.api.capture.v1 import capture_pb2
from wince.api.care.v1 import care_pb2, care_service_pb2
from wince.api.estimate.v1 import estimate_pb2
from wince.api.grade.v1 import grade_pb2
from wince.codec import decode, encode, inbound, received
from wince.domain.assessment import Verdict
from wince.errors import MessageError

NOW_US = 1_770_000_000_000_000
ID = str(UUID(int=7))
YEAR_9999_US = 253_370_764_800_000_000


def verdict(**other):
    return care_pb2.Verdict(**{"id": ID, "assessment_id": ID, "nurse": "7", "at_us": NOW_US} | other)


def pause(**other):
    return care_pb2.Pause(**{"id": ID, "bed": "ICU^1^A", "nurse": "7", "start_us": NOW_US, "end_us": NOW_US + 1} | other)


def state(**other):
    return care_pb2.PatientState(**{"encounter": "V1", "nurse": "7", "since_us": NOW_US} | other)


def consent(**other):
    return care_pb2.Consent(**{"encounter": "V1", "nurse": "7", "since_us": NOW_US} | other)


def refused(message) -> str:
    with pytest.raises(MessageError) as caught:
        inbound.check(message)
    assert caught.value.message
    return caught.value.field


@pytest.mark.parametrize("make", [verdict, pause, state, consent])
def test_who_decides_something_is_named(make):
    inbound.check(make())
    assert {refused(make(nurse=name)) for name in ("", "  ", "n" * 10_000, "a\nb", "\0")} == {"nurse"}


@pytest.mark.parametrize(
    ("make", "field"), [(verdict, "at_us"), (pause, "start_us"), (pause, "end_us"), (state, "since_us"), (consent, "since_us")]
)
def test_when_somebody_decided_is_given_and_possible(make, field):
    assert {refused(make(**{field: at_us})) for at_us in (0, -1, -(2**63), YEAR_9999_US, 2**63 - 1)} == {field}


def test_the_path_leads_through_messages_lists_and_maps():
    request = care_service_pb2.GiveVerdictRequest(verdict=verdict(nurse="\x1b[2J"))
    assert refused(request) == "verdict.nurse"
    assert refused(care_service_pb2.GiveVerdictRequest(verdict=verdict(at_us=0))) == "verdict.at_us"
    whole = {"id": ID, "source": "c", "protocol": "activity"}
    graded = grade_pb2.Graded(source="c", assessments=[grade_pb2.Assessment(**whole), grade_pb2.Assessment(**whole, grade_name="\0")])
    assert refused(graded) == "assessments[1].grade_name"
    estimate = estimate_pb2.Estimate(source="c")
    estimate.probabilities["one\0"].values.append(0.5)
    assert refused(estimate) == "probabilities"


@pytest.mark.parametrize("source", ["'; drop table stay", "a b", "../x", "camera/1", "Zimmer-ä"])
def test_a_source_is_what_a_list_of_cameras_could_hold(source):
    assert refused(capture_pb2.Beat(source=source)) == "source"
    inbound.check(capture_pb2.Beat(source="icu-101_a.2"))


def test_no_text_is_endless():
    assert refused(care_service_pb2.ListQuestionsRequest(bed="b" * 10_000)) == "bed"


def test_what_stands_in_the_store_is_read_as_it_was_written():
    """Also where an earlier version asked less."""
    schema, body = encode(Verdict(UUID(ID), None, UUID(ID), "a\nb", None, 0))
    assert decode(schema, body).at_us == 0
    with pytest.raises(MessageError) as caught:
        received(schema, body)
    assert caught.value.field == "wince.api.care.v1.Verdict.nurse"
