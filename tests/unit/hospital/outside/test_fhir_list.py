"""A census whose answers are of an odd shape: a named error or a bad row each time, never an error of our own."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx

from wince.errors import WinceError
from wince.fhir.client import FhirClient
from wince.hospital.outside.fhir_list import FhirCensus, Rules

BASE = "https://ehr.example/fhir"
MRN, VISIT = "urn:mrn", "urn:visit"
ENCOUNTER = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "in-progress",
    "identifier": [{"system": VISIT, "value": "V1", "type": {"coding": [{"code": "VN"}]}}],
    "subject": {"reference": "Patient/p1"},
    "location": [{"location": {"reference": "Location/l1"}, "status": "active", "period": {"start": "2026-01-01T00:00:00Z"}}],
}
PATIENT = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [{"system": MRN, "value": "M1", "type": {"coding": [{"code": "MR"}]}}],
    "link": [],
    "birthDate": "1958-02-03",
}
LOCATION = {"resourceType": "Location", "id": "l1", "name": "ICU^1^A", "identifier": [{"system": "urn:bed", "value": "ICU^1^A"}]}
ODD: tuple[Any, ...] = ([], {}, None, "", [None], {"x": None}, [[]], 0, True, "\0", "x" * 5000)
RULES = Rules(patients={MRN: "ours"}, visits={VISIT: "ours"})


def bundles(*resources: Any) -> dict[str, Any]:
    return {
        one["resourceType"]: {"resourceType": "Bundle", "entry": [{"resource": one, "search": {"mode": "match"}}], "link": []}
        for one in resources
    }


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from places(inner, (*path, key))


def read(answers: dict[str, Any], rules: Rules) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(answers[request.url.path.rsplit("/", 1)[-1]]))

    with FhirClient(BASE, transport=httpx.MockTransport(answer)) as client:
        return FhirCensus(client, rules).read()


def outcome(answers: dict[str, Any], rules: Rules) -> Any:
    try:
        return read(answers, rules)
    except WinceError as error:
        return error


def test_every_odd_shape_in_every_place_is_named():
    right = bundles(ENCOUNTER, PATIENT, LOCATION)
    assert [row.bed for row in read(right, RULES).rows] == ["ICU^1^A"]
    tried = 0
    for rules in (RULES, Rules(bed_from="identifier", bed_system="urn:bed")):
        for place in places(right):
            for odd in ODD if len(place) > 1 else ():
                spoilt = copy.deepcopy(right)
                node = spoilt
                for key in place[:-1]:
                    node = node[key]
                node[place[-1]] = odd
                tried += 1
                found = outcome(spoilt, rules)
                if isinstance(found, WinceError):
                    assert found.field, (place, odd)
                else:
                    assert len(found.rows) + len(found.bad) <= 1, (place, odd)
                    assert all("\0" not in row.patient.value + row.bed for row in found.rows)
    assert tried > 800
