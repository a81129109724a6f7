"""The census of an EHR: Encounters in progress, page by page, with beds, patients and numbers; and who can't be told for certain."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.ehr.conftest import Ehr
from wince.domain.outside import CensusList
from wince.errors import InputError, MessageError, Refused
from wince.fhir.scopes import CENSUS_SCOPE
from wince.hospital.outside import fhir_list
from wince.hospital.outside.fhir_list import FhirCensus, Rules

MRN, VISIT, BEDS = "https://hospital.example/mrn", "https://hospital.example/visit", "https://hospital.example/bed"
OURS = {MRN: "urn:wince:authority:HOSP", VISIT: "urn:oid:1.2.3"}
_numbers = count(1)


class Ward:
    """A ward of its own on the server, whose beds are its name, a room and a letter."""

    def __init__(self, ehr: Ehr) -> None:
        self.ehr, self.name = ehr, f"W{uuid4().hex[:8]}"
        self.rules = Rules(patients={MRN: OURS[MRN]}, visits={VISIT: OURS[VISIT]}, locations=(self.location(self.name),))

    def location(self, name: str, **more: Any) -> str:
        identity = f"loc-{uuid4().hex[:12]}"
        self.ehr.put({"resourceType": "Location", "id": identity, "name": name, **more})
        return identity

    def bed(self, room: int) -> str:
        return self.location(f"{self.name}^{room}^A")

    def patient(self, number: str, **more: Any) -> str:
        identity = f"pat-{uuid4().hex[:12]}"
        numbers = [{"system": MRN, "value": number}, {"system": "urn:oid:2.999.9", "value": "national"}]
        self.ehr.put({"resourceType": "Patient", "id": identity, "identifier": numbers, "birthDate": "1958-02-03", **more})
        return identity

    def encounter(self, number: str, patient: str, *places: str | dict[str, Any], status: str = "in-progress", **more: Any) -> str:
        identity = f"enc-{uuid4().hex[:12]}"
        where = [{"location": {"reference": f"Location/{one}"}, "status": "active"} if isinstance(one, str) else one for one in places]
        where.append({"location": {"reference": f"Location/{self.rules.locations[0]}"}})
        self.ehr.put(
            {
                "resourceType": "Encounter",
                "id": identity,
                "identifier": [{"system": VISIT, "value": number}],
                "status": status,
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": f"Patient/{patient}"},
                "location": where,
                **more,
            }
        )
        return identity

    def admit(self, room: int, *places: dict[str, Any], **more: Any) -> str:
        """Visit number of somebody new in a room's bed."""
        visit = f"V{next(_numbers)}-{uuid4().hex[:8]}"
        self.encounter(visit, self.patient(f"P-{visit}"), *(places or (self.bed(room),)), **more)
        return visit

    def read(self, rules: Rules | None = None) -> CensusList:
        with self.ehr.client(CENSUS_SCOPE) as client:
            return FhirCensus(client, rules or self.rules).read()


@pytest.fixture
def ward(ehr: Ehr) -> Ward:
    return Ward(ehr)


def test_beds_patients_numbers_and_times_over_pages(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two a page, so that `next` is followed; what is finished, planned, or in no bed is not of the census."""
    monkeypatch.setattr(fhir_list, "PAGE", 2)
    visits = {ward.admit(room): f"{ward.name}^{room}^A" for room in range(5)}
    since = {"location": {"reference": f"Location/{ward.bed(9)}"}, "status": "active", "period": {"start": "2026-01-05T08:00:00+01:00"}}
    left = {"location": {"reference": f"Location/{ward.bed(8)}"}, "status": "completed"}
    moved = {"location": {"reference": f"Location/{ward.bed(7)}"}, "period": {"end": "2026-01-05T08:00:00Z"}}
    known = ward.admit(9, left, moved, since)
    ward.admit(10, status="finished")
    ward.admit(11, status="planned")
    ward.encounter("clinic", ward.patient("P-clinic"))
    found = ward.read()
    assert {row.encounter.value: row.bed for row in found.rows} == visits | {known: f"{ward.name}^9^A"}
    assert (found.bad, found.origin, found.wards) == ((), "fhir", frozenset({ward.name}))
    (row,) = [row for row in found.rows if row.encounter.value == known]
    assert (row.patient.system, row.patient.value, row.encounter.system) == (OURS[MRN], f"P-{known}", OURS[VISIT])
    assert (str(row.birth_date), row.since_us) == ("1958-02-03", int(datetime(2026, 1, 5, 7, tzinfo=UTC).timestamp()) * 1_000_000)
    assert all(one.since_us is None for one in found.rows if one is not row)


def test_a_bed_by_identifier_and_pattern(ward: Ward) -> None:
    place = ward.location("bed by the window", identifier=[{"system": BEDS, "value": f"{ward.name}-101-A"}, {"value": "x^y^z"}])
    ward.encounter("V-pattern", ward.patient("P-pattern"), place)
    pattern = r"(?P<point>[^-]+)-(?P<room>[^-]+)-(?P<bed>.+)"
    rules = replace(ward.rules, bed_from="identifier", bed_system=BEDS, bed_pattern=pattern)
    (row,) = ward.read(rules).rows
    assert row.bed == f"{ward.name}^101^A"
    with pytest.raises(InputError) as caught:
        ward.read()
    assert caught.value.field == "census_bed_from"


@pytest.mark.parametrize(
    ("fault", "where", "why"),
    [
        ("two beds", "location", "is two beds at once"),
        ("no visit number", "identifier", "has no number of an authority that counts"),
        ("no patient number", "subject", "has no number of an authority that counts"),
        ("two patient numbers", "subject", "has several numbers that count"),
        ("inactive", "subject", "inactive or was merged"),
    ],
)
def test_who_cant_be_told_for_certain_is_named_by_place_alone(ward: Ward, fault: str, where: str, why: str) -> None:
    fine = ward.admit(1)
    number: dict[str, Any] = {"system": MRN, "value": "P-other"}
    more: dict[str, dict[str, Any]] = {
        "no patient number": {"identifier": [{"system": "urn:oid:2.999.9", "value": "secret"}]},
        "two patient numbers": {"identifier": [number, {"system": MRN, "value": "secret"}]},
        "inactive": {"active": False},
    }
    patient = ward.patient("secret", **more.get(fault, {}))
    places = [ward.bed(2), ward.bed(3)] if fault == "two beds" else [ward.bed(2)]
    visit: dict[str, Any] = {"identifier": [{"system": "urn:oid:2.999.9", "value": "secret"}]} if fault == "no visit number" else {}
    ward.encounter("V-secret", patient, *places, **visit)
    found = ward.read()
    assert [row.encounter.value for row in found.rows] == [fine]
    (bad,) = found.bad
    assert re.fullmatch(rf"Encounter \d+ of the answer, {where}", bad.where)
    assert why in bad.why
    assert "secret" not in str(found.bad)


def test_a_client_without_the_scope_is_told_which(ward: Ward) -> None:
    ward.admit(1)
    with ward.ehr.client("system/Observation.crus") as client, pytest.raises(Refused) as caught:
        FhirCensus(client, ward.rules).read()
    assert "system/Location.rs" in caught.value.remedy


def test_pages_without_end_elsewhere_or_missing_are_refused(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server may answer to a search, each by its name; no token leaves for another address."""
    asked: list[str] = []

    def answering(change: Callable[[dict[str, Any]], None]) -> FhirCensus:
        client = ward.ehr.client(CENSUS_SCOPE)
        ask = client.request

        def request(method: str, path: str, **more: Any) -> Any:
            asked.append(path)
            answer = ask(method, path, **more)
            change(answer.resource)
            return answer

        monkeypatch.setattr(client, "request", request)
        return FhirCensus(client, ward.rules)

    ward.admit(1)
    base = ward.ehr.base_url
    faults: list[tuple[Callable[[dict[str, Any]], None], str]] = [
        (lambda bundle: bundle.update(link=[{"relation": "next", "url": f"{base}/Encounter?status=in-progress"}]), "have no end"),
        (lambda bundle: bundle.update(link=[{"relation": "next", "url": "https://elsewhere.example/fhir/Encounter?page=2"}]), "elsewhere"),
        (lambda bundle: bundle.update(total=99, link=[]), "of 99 Encounter came"),
        (lambda bundle: bundle.update(resourceType="Patient"), "no Bundle"),
    ]
    for change, what in faults:
        with pytest.raises(MessageError, match=what):
            answering(change).read()
    assert len(asked) < 10
