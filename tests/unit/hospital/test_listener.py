"""One message in, one acknowledgement out: after the commit, after grade was told, and never with a name in it."""

import threading
from datetime import UTC, datetime

import pytest

from wince.domain.stay import Watch
from wince.errors import StoreError, Unavailable
from wince.hospital.listener import AdtListener
from wince.hospital.memory import MemoryCensus
from wince.hospital.site import Site
from wince.testing.hl7 import Person, adt, code

P, Q = Person("4711", "Musterfrau"), Person("0815", "Beispiel")
SECOND = 1_000_000
WATCHES = [Watch("cam-a", "ICU^1^A", 0, None, 0), Watch("cam-b", "ICU^1^B", 0, None, 0)]


class Hospital:
    """A listener over a memory census, with a clock that stands."""

    def __init__(self, census=None):
        self.census = census or MemoryCensus()
        self.told = []
        self.listener = AdtListener(self.census, Site(), watches=WATCHES, publish=self.publish, now_us=lambda: 10**15)
        self.broken = False

    def publish(self, news):
        if self.broken:
            raise OSError("bus is down")
        self.told.extend(news)

    def say(self, trigger, patient, bed, visit, at_s, **options) -> str:
        return self.listener.handle(adt(trigger, patient, bed, visit, at_s * SECOND, **options).encode()).decode()

    def heard(self):
        return [(o.source, o.at_us // SECOND, o.stay.patient.value if o.stay else None, o.ambiguous) for o in self.told]


@pytest.fixture
def hospital():
    return Hospital()


def test_a_transfer_tells_both_cameras(hospital):
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100)) == "AA"
    hospital.told.clear()
    assert code(hospital.say("A02", P, "ICU^1^B", "V1", 200)) == "AA"
    assert hospital.heard() == [("cam-a", 200, None, False), ("cam-b", 200, "4711", False)]


def test_two_patients_in_a_bed_are_nobodys_and_ambiguous_until_one_leaves(hospital):
    hospital.say("A01", P, "ICU^1^A", "V1", 100)
    hospital.say("A01", Q, "ICU^1^A", "V2", 200)
    hospital.told.clear()
    hospital.say("A03", P, "ICU^1^A", "V1", 300)
    assert hospital.heard() == [("cam-a", 300, "0815", False)]
    assert [event[2] for event in hospital.census.trail] == ["A01", "A01 two_patients", "A03"]


def test_a_cancelled_discharge_is_told_from_the_moment_that_was_wrong(hospital):
    """Only the moments that change are told: grade takes what it knew of later times back, and keeps what it knew of earlier."""
    hospital.say("A01", P, "ICU^1^A", "V1", 100)
    hospital.say("A03", P, "ICU^1^A", "V1", 200)
    hospital.told.clear()
    hospital.say("A13", P, "ICU^1^A", "V1", 300)
    assert hospital.heard() == [("cam-a", 200, "4711", False)]


def test_a_stay_that_turns_out_to_be_another_patients_is_told_from_its_start(hospital):
    hospital.say("A01", P, "ICU^1^A", "V1", 100)
    hospital.told.clear()
    hospital.say("A08", Q, "ICU^1^A", "V1", 300)
    assert hospital.heard() == [("cam-a", 100, "0815", False)]


def test_a_cancelled_admission_leaves_the_bed_empty_from_its_start(hospital):
    hospital.say("A01", P, "ICU^1^A", "V1", 100)
    hospital.told.clear()
    hospital.say("A11", P, "", "V1", 300)
    assert hospital.heard() == [("cam-a", 100, None, False)]


def test_an_event_that_does_not_concern_beds_is_taken_and_audited(hospital):
    answer = hospital.say("A60", P, "", "V1", 100)
    assert code(answer) == "AA"
    assert [(event, detail) for _, event, detail in hospital.census.trail] == [("ignored", "ADT^A60")]
    assert hospital.census.current() == []


def test_a_refusal_names_the_field_and_is_audited(hospital):
    answer = hospital.say("A01", P, "ICU^1^A", "V1", 100, fields={"PV1-19": ""}, control_id="C1")
    assert code(answer) == "AE"
    assert "|PV1^1^19|101^Required field missing^HL70357|E|" in answer
    assert [(event, detail) for _, event, detail in hospital.census.trail] == [("rejected", "PV1-19 101")]
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1")) == "AA", "corrected, under the same control id"


NOW_S = 1_790_000_000


@pytest.mark.parametrize(
    ("trigger", "field", "segment"),
    [
        ("A01", "EVN-2", "EVN^1^2"),
        ("A01", "EVN-6", "EVN^1^6"),
        ("A01", "PV1-44", "PV1^1^44"),
        ("A02", "EVN-6", "EVN^1^6"),
        ("A03", "PV1-45", "PV1^1^45"),
    ],
)
def test_an_event_ahead_of_now_is_refused_by_its_field_until_it_has_come(trigger, field, segment):
    """A day ahead, an admission would put nobody's patient into the bed, and its EVN-2 would outrank all that comes in between."""
    now_s = NOW_S
    hospital = Hospital()
    hospital.listener = AdtListener(
        hospital.census,
        Site(),
        watches=WATCHES,
        publish=hospital.publish,
        now_us=lambda: now_s * SECOND,
        latest_us=lambda: (now_s + 600) * SECOND,
    )
    if trigger != "A01":
        assert code(hospital.say("A01", P, "ICU^1^A", "V1", now_s - 50)) == "AA"
    before, told = hospital.census.current(), len(hospital.told)
    ahead = datetime.fromtimestamp(now_s + 86_400, UTC).strftime("%Y%m%d%H%M%S+0000")
    answer = hospital.say(trigger, P, "ICU^1^B", "V1", now_s, fields={field: ahead}, control_id="C9")
    assert code(answer) == "AE"
    assert f"|{segment}|102^" in answer
    assert (hospital.census.current(), len(hospital.told)) == (before, told)
    now_s += 86_400
    answer = hospital.say(trigger, P, "ICU^1^B", "V1", now_s - 86_400, fields={field: ahead}, control_id="C9")
    assert code(answer) == "AA", "sent again when it has come"


def test_a_clock_that_is_a_little_ahead_is_taken(hospital):
    hospital.listener = AdtListener(
        hospital.census, Site(), now_us=lambda: NOW_S * SECOND, latest_us=lambda: (NOW_S + 600) * SECOND, watches=WATCHES
    )
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", NOW_S + 600)) == "AA"
    assert code(hospital.say("A02", P, "ICU^1^B", "V1", NOW_S + 601)) == "AE"


def test_a_resend_is_accepted_and_tells_nobody_twice(hospital):
    for at in (100, 100):
        answer = hospital.say("A01", P, "ICU^1^A", "V1", at, control_id="C1")
        assert code(answer) == "AA"
    assert len(hospital.told) == 1
    answer = hospital.say("A02", P, "ICU^1^B", "V1", 200, control_id="C1")
    assert code(answer) == "AE"
    assert "205^Duplicate key identifier" in answer
    assert [event for _, event, _ in hospital.census.trail] == ["adt", "rejected"]


def test_a_discharge_is_no_resend_of_the_admission_whose_control_id_it_has(hospital):
    """EVN-1, empty in newer versions, would tell them apart; a resend has another MSH-7 only."""
    fields = {"EVN-2": "20010101120000"}
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1", fields=fields)) == "AA"
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 130, control_id="C1", fields=fields)) == "AA"
    answer = hospital.say("A03", P, "ICU^1^A", "V1", 100, control_id="C1", fields=fields)
    assert (code(answer), "205^Duplicate key identifier" in answer) == ("AE", True)


@pytest.mark.parametrize("first", ["FHS|^~\\&|HIS|HOSP\rBHS|^~\\&|HIS|HOSP\r", "BHS|^~\\&|HIS|HOSP\r"])
def test_a_batch_is_rejected_with_what_to_do(hospital, first):
    answer = hospital.listener.handle((first + adt("A01", P, "ICU^1^A", "V1", 100 * SECOND) + "BTS|1\r").encode()).decode()
    assert code(answer) == "AR"
    assert "send each message of it in a frame of its own" in answer
    assert hospital.census.current() == []


def test_no_acceptance_before_the_commit():
    """A census that has not committed yet holds the acknowledgement back."""
    gate, answers = threading.Event(), []

    class Slow(MemoryCensus):
        def commit(self, change, decide):
            assert gate.wait(5)
            return super().commit(change, decide)

    hospital = Hospital(Slow())
    thread = threading.Thread(target=lambda: answers.append(hospital.say("A01", P, "ICU^1^A", "V1", 100)))
    thread.start()
    thread.join(0.2)
    assert answers == []
    assert hospital.told == []
    gate.set()
    thread.join(5)
    assert code(answers[0]) == "AA"


@pytest.mark.parametrize("failure", [StoreError("down"), RuntimeError("Musterfrau"), MemoryError()])
def test_a_census_that_fails_is_answered_207_and_the_message_can_be_sent_again(failure):
    class Failing(MemoryCensus):
        fails = True

        def commit(self, change, decide):
            if self.fails:
                raise failure
            return super().commit(change, decide)

    hospital = Hospital(Failing())
    answer = hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1")
    assert code(answer) == "AE"
    assert "207^Application internal error" in answer
    assert "Musterfrau" not in answer
    assert hospital.told == []
    hospital.census.fails = False
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1")) == "AA"
    assert hospital.heard() == [("cam-a", 100, "4711", False)]


def test_what_grade_could_not_be_told_is_told_with_the_resend(hospital):
    """The commit stands; AE makes the sender come back, and then grade hears of it although the message is a duplicate."""
    hospital.broken = True
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1")) == "AE"
    assert len(hospital.census.current()) == 1
    hospital.broken = False
    assert code(hospital.say("A01", P, "ICU^1^A", "V1", 100, control_id="C1")) == "AA"
    assert hospital.heard() == [("cam-a", 100, "4711", False)]


def test_junk_is_rejected_without_a_control_id(hospital):
    answer = hospital.listener.handle(b"hello\xff").decode()
    assert code(answer) == "AR"
    assert hospital.census.trail == []


@pytest.mark.parametrize(
    ("accept", "application", "said"),
    [("AL", "NE", ["CA"]), ("AL", "AL", ["CA", "AA"]), ("NE", "AL", ["AA"]), ("NE", "NE", []), ("ER", "NE", [])],
)
def test_a_sender_in_enhanced_mode_gets_the_acknowledgements_that_it_asks_for(hospital, accept, application, said):
    text = adt("A01", P, "ICU^1^A", "V1", 0, fields={"MSH-15": accept, "MSH-16": application})
    assert [code(one.decode()) for one in hospital.listener.answers(text.encode())] == said
    assert len(hospital.census.current()) == 1


def test_a_commit_acknowledgement_says_that_a_message_was_not_taken(hospital):
    text = adt("A01", P, "ICU^1^A", "V1", 0, fields={"MSH-15": "AL", "MSH-16": "NE", "PID-3": ""})
    (said,) = hospital.listener.answers(text.encode())
    assert code(said.decode()) == "CE"
    assert b"ERR||PID^1^3|" in said


def test_where_no_answer_is_wanted_a_failing_store_closes_the_connection():
    class Broken(MemoryCensus):
        def commit(self, change, decide):
            raise StoreError("the database is gone")

    text = adt("A01", P, "ICU^1^A", "V1", 0, fields={"MSH-15": "NE", "MSH-16": "NE"})
    with pytest.raises(Unavailable):
        Hospital(Broken()).listener.answers(text.encode())
