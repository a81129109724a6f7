"""Validators that others wrote pass every resource that Wince writes, and bite on wrong ones (so that passing means something).

    HAPI's R4 instance validator   Java, offline; the terminology here makes an unknown code of ours an error
    fhirkit-rs                     Rust, in this process

pyfhircheck 0.2.0 is no witness: it knows neither Observation.referenceRange.text nor the status entered-in-error.
"""

from copy import deepcopy
from typing import Any

import fhirkit
import pytest

from tests.contract.ehr.samples import ACTIVITY, PROTOCOLS, samples
from wince.delivery.fhir import codes
from wince.delivery.fhir.bundle import bundle
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.resolve import link
from wince.domain.entry import Kind
from wince.domain.estimate import UNITS
from wince.domain.reason import Reason
from wince.testing.peers import JavaValidator, available

Resource = dict[str, Any]
SOFTWARE = Software("0.1.0", "ward-7", "https://ehr.example/fhir")


def code_system(url: str, *names: str) -> Resource:
    concepts = [{"code": name} for name in names]
    return {"resourceType": "CodeSystem", "url": url, "status": "active", "content": "complete", "caseSensitive": True, "concept": concepts}


TERMINOLOGY = [
    code_system(codes.REASON_SYSTEM, *Reason),
    code_system(codes.KIND_SYSTEM, *Kind),
    code_system(codes.COMPONENT_SYSTEM, "median", "peak", "assessable-share", "confidence", "alerts", *UNITS),
    code_system(codes.TASK_SYSTEM, "look"),
    code_system(codes.METHOD_SYSTEM, "face-video", "nurse"),
    code_system(ACTIVITY.codes.system, ACTIVITY.codes.code, *(grade.code for grade in ACTIVITY.codes.grades.values())),
    code_system("https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType", "XrequestId"),
    # of the year of R4, before AIAST was added to it
    code_system("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "AIAST"),
]


def written() -> list[tuple[str, Resource]]:
    """Every resource of every kind of entry, with the references that delivery puts in, and the Bundle that the outbox stores."""
    found: list[tuple[str, Resource]] = []
    for name, item in samples().items():
        stored = bundle(item, PROTOCOLS, SOFTWARE)
        known = {"Patient": "Patient/1", "Encounter": "Encounter/2"}
        for part in stored["entry"]:
            known[part["fullUrl"]] = f"{part['resource']['resourceType']}/{part['resource'].get('id', '7')}"
        found += [(f"{name}: {part['resource']['resourceType']}", link(part["resource"], known)) for part in stored["entry"]]
        found.append((f"{name}: stored", stored))
    return found


def parts(name: str) -> dict[str, Resource]:
    return {kind.split(": ")[1]: resource for kind, resource in written() if kind.startswith(f"{name}: ")}


def changed(base: Resource, **changes: Any) -> Resource:
    made = deepcopy(base)
    for name, value in changes.items():
        if value is None:
            made.pop(name)
        else:
            made[name] = value
    return made


def wrong() -> dict[str, Resource]:
    """One thing wrong in each."""
    right = parts("grade")
    task = parts("task")["Task"]
    return {
        "no code": changed(right["Observation"], code=None),
        "bad instant": changed(right["Observation"], issued="yesterday"),
        "unknown field": changed(right["Observation"], colour="red"),
        "two effective": changed(right["Observation"], effectiveDateTime="2026-01-01"),
        "task focus a string": changed(task, focus="Observation/1"),
        "audit without agents": changed(right["AuditEvent"], agent=None),
        "provenance without target": changed(right["Provenance"], target=None),
        "device version without value": changed(right["Device"], version=[{"type": {"text": "software"}}]),
        "status": changed(right["Observation"], status="done"),
        "obs-6": changed(right["Observation"], dataAbsentReason=codes.absent(Reason.DARK)),
        "unknown reason": changed(
            parts("unassessable")["Observation"], dataAbsentReason={"coding": [{"system": codes.REASON_SYSTEM, "code": "bored"}]}
        ),
        "bad UCUM": changed(
            right["Observation"], valueQuantity={"value": 1, "system": codes.UCUM, "code": "painlevels", "unit": "x"}
        ),
        "period reversed": changed(
            right["Observation"], effectivePeriod={"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
        ),
    }


RUST_BITES = (
    "no code",
    "bad instant",
    "unknown field",
    "two effective",
    "task focus a string",
    "audit without agents",
    "provenance without target",
    "device version without value",
)


def rust_errors(resource: Resource) -> list[str]:
    return [str(issue) for issue in fhirkit.validate(resource) if issue.severity == "error"]


def test_fhirkit_passes_what_is_written() -> None:
    assert {name: found for name, resource in written() if (found := rust_errors(resource))} == {}


@pytest.mark.parametrize("name", RUST_BITES)
def test_fhirkit_bites(name: str) -> None:
    assert rust_errors(wrong()[name])


@pytest.mark.peer
def test_hapis_validator_passes_what_is_written_and_bites_on_what_is_wrong() -> None:
    if reason := available():
        pytest.skip(f"HAPI's validator: {reason}")
    right, bad = written(), wrong()
    answers = JavaValidator().validate([resource for _, resource in right] + list(bad.values()), terminology=TERMINOLOGY)
    errors = [[f"{issue.place}: {issue.message}" for issue in found if issue.severity in ("error", "fatal")] for found in answers]
    assert {name: found for (name, _), found in zip(right, errors, strict=False) if found} == {}
    passed = [name for name, found in zip(bad, errors[len(right) :], strict=True) if not found]
    assert passed == []
