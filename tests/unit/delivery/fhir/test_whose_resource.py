"""Whose a hit of the EHR is: the number asked for, the birth date, merges, what is remembered of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.contract.ehr.samples import MRN, VISIT, entry
from tests.support.memory_ehr import MemoryEhr, carried
from tests.unit.delivery.fhir.memory import deliver, target
from wince.delivery.interface import Outcome
from wince.domain.stay import Identifier


@pytest.fixture
def ehr() -> MemoryEhr:
    made = MemoryEhr()
    made.admit(MRN, VISIT)
    return made


def test_a_server_that_ignores_the_search_gets_nothing_and_is_told(ehr: MemoryEhr) -> None:
    """It gives its first patient for everybody: every entry would go there."""
    ehr.searches = False
    stranger = Identifier(MRN.system, "another")
    held = deliver(target(ehr), entry(patient=stranger))
    assert held.outcome is Outcome.HELD
    assert "honour the parameter" in held.remedy
    assert ehr.of("Observation") == []
    assert target(ehr).probe().outcome is Outcome.HELD
    ehr.searches = True
    assert target(ehr).probe().outcome is Outcome.WRITTEN


def test_the_same_number_of_another_system_is_no_hit(ehr: MemoryEhr) -> None:
    ehr.searches = False
    held = deliver(target(ehr), entry(patient=Identifier("urn:other", MRN.value)))
    assert (held.outcome, ehr.of("Observation")) == (Outcome.HELD, [])


@pytest.mark.parametrize(("theirs", "ours", "outcome"), [
    ("1950-02-03", "1950-02-03", Outcome.WRITTEN),
    ("1950", "1950-02-03", Outcome.WRITTEN),
    ("1950-02-03", "", Outcome.WRITTEN),
    ("1950-02-04", "1950-02-03", Outcome.DEAD),
    ("1951", "1950-02-03", Outcome.DEAD),
])  # fmt: skip
def test_the_birth_date_is_held_against_the_feeds(ehr: MemoryEhr, theirs: str, ours: str, outcome: Outcome) -> None:
    ehr.kept["Patient/p1"]["birthDate"] = theirs
    answer = deliver(target(ehr, born=lambda system, value: ours if (system, value) == (MRN.system, MRN.value) else "9999-01-01"), entry())
    assert answer.outcome is outcome
    assert ours[:4] not in answer.detail or not ours


def merge(ehr: MemoryEhr, old: str, new: str) -> None:
    ehr.kept[f"Patient/{old}"] |= {"active": False, "link": [{"other": {"reference": f"Patient/{new}"}, "type": "replaced-by"}]}


@pytest.mark.parametrize("both", [False, True])
def test_a_record_that_was_merged_is_followed_to_the_last(ehr: MemoryEhr, both: bool) -> None:
    """Whether the survivor carries the old number too, or not."""
    number = [carried(MRN)] if both else []
    for name in ("p2", "p3"):
        ehr.put({"resourceType": "Patient", "id": name, "active": True, "identifier": number if name == "p3" else []})
    merge(ehr, "p1", "p2")
    merge(ehr, "p2", "p3")
    made = target(ehr)
    assert deliver(made, entry()).outcome is Outcome.RETRY, "the encounter still hangs at the old record"
    ehr.kept["Encounter/e1"]["subject"] = {"reference": "Patient/p3"}
    assert deliver(made, entry()).outcome is Outcome.WRITTEN
    assert ehr.of("Observation")[0]["subject"]["reference"] == "Patient/p3"


@pytest.mark.parametrize("link", [{"type": "replaced-by"}, {"type": "replaced-by", "other": {"reference": "Patient/p1"}}])
def test_a_merge_that_leads_nowhere_is_dead(ehr: MemoryEhr, link: dict[str, Any]) -> None:
    ehr.kept["Patient/p1"]["link"] = [link]
    assert deliver(target(ehr), entry()).outcome is Outcome.DEAD
    assert ehr.of("Observation") == []


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_what_is_remembered_is_looked_up_again_where_the_server_refuses_it(ehr: MemoryEhr, status: int) -> None:
    """The patient was merged meanwhile: the server refuses the old record, the survivor is found, and the entry stands there."""
    made = target(ehr)
    assert deliver(made, entry()).outcome is Outcome.WRITTEN
    ehr.put({"resourceType": "Patient", "id": "p2", "active": True, "identifier": [carried(MRN)]})
    merge(ehr, "p1", "p2")
    ehr.kept["Encounter/e1"]["subject"] = {"reference": "Patient/p2"}
    answer = ehr._answer

    def refuse(request: httpx.Request) -> httpx.Response:
        old = request.method == "POST" and b'"reference":"Patient/p1"' in request.content
        return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": []}) if old else answer(request)

    ehr._answer = refuse  # type: ignore[method-assign]
    assert deliver(made, entry(), first=True).outcome is Outcome.WRITTEN
    assert [seen["subject"]["reference"] for seen in ehr.of("Observation")] == ["Patient/p1", "Patient/p2"]


def _corrected(ehr: MemoryEhr) -> None:
    """The EHR's users move the visit to another patient, as the hospital's feed (A08, A45) said."""
    ehr.put({"resourceType": "Patient", "id": "p9", "active": True, "identifier": [{"system": MRN.system, "value": "P9"}]})
    ehr.kept["Encounter/e1"]["subject"] = {"reference": "Patient/p9"}


@pytest.mark.parametrize("gone", [False, True])
def test_what_is_withdrawn_is_withdrawn_where_it_stands_also_when_the_visit_is_anothers_by_then(ehr: MemoryEhr, gone: bool) -> None:
    item = entry()
    written = deliver(target(ehr), item)
    _corrected(ehr)
    if gone:
        ehr.kept["Patient/p1"]["identifier"] = []
    later = target(ehr)
    done = later.deliver(str(later.render(replace(item, revision=2, status="entered-in-error"))), written.location, written.version)
    assert done.outcome is Outcome.WRITTEN
    [there] = ehr.of("Observation")
    assert (there["status"], there["subject"]["reference"]) == ("entered-in-error", "Patient/p1")


def test_nothing_but_a_withdrawal_is_written_to_a_visit_of_another_and_a_correction_there_is_waited_for(ehr: MemoryEhr) -> None:
    item = entry()
    written = deliver(target(ehr), item)
    _corrected(ehr)
    later = target(ehr)
    no = later.deliver(str(later.render(replace(item, revision=2, status="final"))), written.location, written.version)
    assert (no.outcome, no.may_pass) == (Outcome.DEAD, True)
    assert ehr.of("Observation")[0]["status"] != "final"
    never = later.deliver(str(later.render(replace(item, revision=2, status="entered-in-error"))))
    assert never.outcome is Outcome.DEAD


def test_a_place_of_something_else_says_nothing_of_whose_the_withdrawn_entry_is(ehr: MemoryEhr) -> None:
    item = entry()
    written = deliver(target(ehr), item)
    _corrected(ehr)
    ehr.kept[written.location]["identifier"] = [{"system": "urn:other", "value": "1"}]
    later = target(ehr)
    assert later.deliver(str(later.render(replace(item, revision=2, status="entered-in-error"))), written.location).outcome is Outcome.DEAD
