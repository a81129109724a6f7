"""What every EHR holds after a delivery: one resource per entry, for the right patient, whatever is tried again."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.ehr.conftest import Ehr
from tests.contract.ehr.samples import START, entry, fresh_stay, of, question, samples, writing
from wince.delivery.fhir.profiles.profile import NAMES
from wince.delivery.interface import Answer, Outcome, Taken
from wince.domain.entry import Entry, Kind, TaskEntry

URI = "urn:ietf:rfc:3986"


def kept(ehr: Ehr, item: Entry | TaskEntry) -> list[dict[str, Any]]:
    kind = "Task" if isinstance(item, TaskEntry) else "Observation"
    return ehr.found(kind, identifier=f"{URI}|urn:uuid:{item.id}")


def written(delivery: Answer) -> Answer:
    assert delivery.outcome is Outcome.WRITTEN, delivery
    return delivery


@pytest.mark.parametrize("name", samples())
@pytest.mark.parametrize("profile", NAMES)
def test_every_kind_is_taken_once(ehr: Ehr, profile: str, name: str) -> None:
    """Under every write profile, with what the site lets stand; what a profile takes nothing of is not rendered."""
    mrn, visit = ehr.admit()
    item, how = of(samples()[name], mrn, visit), writing(profile, standing={"activity": "final"})
    target = ehr.target(writing=how, wall=lambda: START + 120_000_000)
    body = target.render(item)
    if isinstance(body, Taken):
        assert not how.takes(item)
        return
    first = written(target.deliver(body))
    if item.status == "entered-in-error" and not how.profile.updates:
        assert (first.location, kept(ehr, item)) == ("", [])  # nothing of it was ever there
        return
    assert first.location.split("/")[0] in ("Observation", "Task")
    assert first.version
    assert first.left == ""
    again = written(ehr.target(writing=how, wall=lambda: START + 130_000_000).deliver(body))
    assert again.location == first.location
    assert again.version == first.version
    [there] = kept(ehr, item)
    assert there["id"] == first.location.split("/")[1]
    assert (there.get("subject") or there["for"])["reference"] == f"Patient/{mrn.value}"
    assert there["encounter"]["reference"] == f"Encounter/{visit.value}"
    assert len(ehr.found("CommunicationRequest", patient=f"Patient/{mrn.value}")) == (name == "alert" and how.profile.alerts)


def test_an_alert_of_hours_ago_calls_nobody(ehr: Ehr) -> None:
    """Charted late by a review, or delivered late: its Observation alone is written, and the audit trail's answer says so. One that was
    called in time is taken back, or completed, whenever that is."""
    mrn, visit = ehr.admit()
    item = of(samples()["alert"], mrn, visit)
    assert isinstance(item, Entry)
    late = ehr.target(wall=lambda: item.end_us + 901_000_000)
    done = written(late.deliver(late.render(item)))
    assert done.detail.endswith("nobody called: the alert is too old")
    assert ehr.found("CommunicationRequest", patient=f"Patient/{mrn.value}") == []
    assert [one["id"] for one in kept(ehr, item)] == [done.location.split("/")[1]]
    other = replace(item, id=uuid4())
    in_time = ehr.target(wall=lambda: item.end_us + 899_000_000)
    first = written(in_time.deliver(in_time.render(other)))
    wrong = late.render(replace(other, revision=2, status="entered-in-error"))
    assert "nobody called" not in written(late.deliver(wrong, first.location, first.version)).detail
    [call] = ehr.found("CommunicationRequest", patient=f"Patient/{mrn.value}")
    assert call["status"] == "entered-in-error"


def test_searches_and_failures_are_told_the_server_too(ehr: Ehr) -> None:
    """In the shape of BALP, by the time at which they were answered; a failure once the server takes something again."""
    mrn, visit = ehr.admit()
    clock = [1_700_000_000_000_000]
    target = ehr.target(wall=lambda: clock[0])
    taken = entry(patient=mrn, encounter=visit)
    written(target.deliver(target.render(taken)))
    clock[0] += 60_000_000
    target._feed.refused(kept(ehr, taken)[0], "create", Answer(Outcome.DEAD, "422 invariant"), str(uuid4()))
    written(target.deliver(target.render(entry(patient=mrn, encounter=visit))))
    found = ehr.found("AuditEvent", patient=f"Patient/{mrn.value}", _count="50")
    said = {(one["subtype"][0]["code"], one["outcome"], one["recorded"][:16]) for one in found}
    assert ("search-type", "0", "2023-11-14T22:13") in said
    assert ("create", "0", "2023-11-14T22:13") in said
    assert ("create", "8", "2023-11-14T22:14") in said


def test_what_stands_beside_an_entry_is_there_once(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    target = ehr.target()
    body = target.render(entry(patient=mrn, encounter=visit))
    place = written(target.deliver(body)).location
    for _ in range(2):
        written(ehr.target().deliver(body))
    [provenance] = ehr.found("Provenance", target=place)
    [audit] = ehr.found("AuditEvent", entity=place)
    assert audit["entity"][1]["what"]["reference"] == f"Patient/{mrn.value}"
    device = provenance["agent"][0]["who"]["reference"]
    assert ehr.admin.request("GET", place).resource["device"]["reference"] == device
    assert ehr.admin.request("GET", device).resource["manufacturer"] == "Wince"


def test_a_race_of_replays_doubles_nothing(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(patient=mrn, encounter=visit)
    targets = [ehr.target() for _ in range(6)]
    body = targets[0].render(item)
    with ThreadPoolExecutor(6) as pool:
        outcomes = [delivery.outcome for delivery in pool.map(lambda target: target.deliver(body), targets)]
    assert Outcome.WRITTEN in outcomes
    assert set(outcomes) <= {Outcome.WRITTEN, Outcome.RETRY}
    written(targets[0].deliver(body))
    assert len(kept(ehr, item)) == 1


def test_a_revision_follows_and_is_never_taken_back(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    first_body = target.render(item)
    first = written(target.deliver(first_body))
    second_body = target.render(replace(item, revision=2, status="final"))
    second = written(target.deliver(second_body, first.location, first.version))
    assert second.location == first.location
    assert second.version != first.version
    assert written(target.deliver(second_body, first.location, first.version)).version == second.version
    written(target.deliver(first_body))
    [there] = kept(ehr, item)
    assert there["status"] == "final"
    assert there["valueQuantity"]["value"] == 3.5


def test_a_revision_whose_first_was_never_marked_finds_it(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    written(target.deliver(target.render(item)))
    written(target.deliver(target.render(replace(item, revision=2, status="entered-in-error"))))
    [there] = kept(ehr, item)
    assert there["status"] == "entered-in-error"


def test_what_a_person_added_there_stays(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = question(patient=mrn, encounter=visit, focus=None)
    target = ehr.target()
    first = written(target.deliver(target.render(item)))
    theirs = ehr.admin.request("GET", first.location).resource
    ehr.put({**theirs, "status": "in-progress", "owner": {"display": "pain team"}})
    done = target.render(replace(item, revision=2, status="completed"))
    written(target.deliver(done, first.location, first.version))
    [there] = kept(ehr, item)
    assert there["status"] == "completed"
    assert there["owner"] == {"display": "pain team"}


def test_what_a_person_withdrew_there_stays_withdrawn(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    first = written(target.deliver(target.render(item)))
    theirs = ehr.admin.request("GET", first.location).resource
    ehr.put({**theirs, "status": "entered-in-error"})
    target.deliver(target.render(replace(item, revision=2, status="final")), first.location, first.version)
    [there] = kept(ehr, item)
    assert there["status"] == "entered-in-error"


def test_other_content_under_our_identifier_is_left_alone(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    written(target.deliver(target.render(item)))
    assert target.deliver(target.render(replace(item, score=9.0))).outcome is Outcome.DEAD
    [there] = kept(ehr, item)
    assert there["valueQuantity"]["value"] == 3.5


def test_nothing_is_written_for_a_patient_who_is_not_there(ehr: Ehr) -> None:
    mrn, visit = fresh_stay()
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    waits = target.deliver(target.render(item))
    assert waits.outcome is Outcome.RETRY
    assert waits.retry_after_s
    assert "Patient" in waits.detail
    assert mrn.value not in waits.detail
    assert kept(ehr, item) == []
    ehr.patient(mrn, mrn.value)
    ehr.encounter(visit, visit.value, mrn.value)
    written(target.deliver(target.render(item)))


def test_nothing_is_written_where_two_patients_share_a_number(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    ehr.patient(mrn, f"other-{uuid4().hex[:12]}")
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    assert target.deliver(target.render(item)).outcome is Outcome.DEAD
    assert kept(ehr, item) == []


def test_nothing_is_written_into_another_patients_encounter(ehr: Ehr) -> None:
    mrn, _ = ehr.admit()
    _, other_visit = ehr.admit()
    item = entry(patient=mrn, encounter=other_visit)
    target = ehr.target()
    refused = target.deliver(target.render(item))
    assert refused.outcome is Outcome.DEAD
    assert "encounter" in refused.detail
    assert kept(ehr, item) == []


@pytest.mark.parametrize("flaw", ["inactive", "cancelled"])
def test_nothing_is_written_into_a_closed_record(ehr: Ehr, flaw: str) -> None:
    mrn, visit = fresh_stay()
    ehr.patient(mrn, mrn.value, active=flaw != "inactive")
    ehr.encounter(visit, visit.value, mrn.value, "cancelled" if flaw == "cancelled" else "in-progress")
    item = entry(patient=mrn, encounter=visit)
    target = ehr.target()
    assert target.deliver(target.render(item)).outcome is Outcome.DEAD
    assert kept(ehr, item) == []


def test_the_hospitals_name_for_an_authority_can_differ_from_the_servers(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    ours = [replace(identifier, system="urn:wince:authority:OTHER") for identifier in (mrn, visit)]
    item = entry(patient=ours[0], encounter=ours[1])
    target = ehr.target(systems={"urn:wince:authority:OTHER": mrn.system})
    written(target.deliver(target.render(item)))
    assert len(kept(ehr, item)) == 1


def test_without_the_scope_the_target_is_held(ehr: Ehr) -> None:
    mrn, visit = ehr.admit()
    item = entry(Kind.VERDICT, patient=mrn, encounter=visit, nurse="N-1", status="final", units=(), model_set="")
    target = ehr.target()
    target._client = ehr.client("system/Patient.rs system/Encounter.rs system/Observation.rs")
    held = target.deliver(target.render(item))
    assert held.outcome is Outcome.HELD
    assert "403" in held.detail
    assert kept(ehr, item) == []
