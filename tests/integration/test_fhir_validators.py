"""Validators that others wrote pass every resource that Wince writes, and bite on wrong ones (so that passing means something).

    HAPI's R4 instance validator   Java, offline; with Wince's own package, which makes an unknown code of ours an error, and without it
    HAPI FHIR with --validate      a server; it knows nothing of Wince
    fhirkit-rs 0.1.0               Rust, in this process
    npm fhir 4.12.0, Medplum       JavaScript

None of them is lent a code system: what knows ours has it from the package that a site would load. What each catches of the wrong
resources stands in CAUGHT; our own layer catches all of them. pyfhircheck 0.2.0 is no witness: it knows neither
Observation.referenceRange.text nor the status entered-in-error.
"""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import fhirkit
import pytest

from wince.delivery.fhir import codes
from wince.delivery.fhir.guide.examples import examples
from wince.delivery.fhir.guide.package import definitions, package
from wince.delivery.fhir.profiles.profile import NAMES, Writing, load
from wince.delivery.site_code import SiteCode
from wince.domain.reason import Reason
from wince.fhir.invariants import problems
from wince.local import npm
from wince.protocols import loader
from wince.testing.peers import Issue, JavaValidator, available
from wince.testing.peers.javascript import Opinions, opinions

Resource = dict[str, Any]
PROTOCOLS = {name: loader.load(name) for name in loader.available()}
FLOWSHEET = SiteCode("activity", load("epic").code_system, "3040123456")


@cache
def right() -> dict[str, Resource]:
    """Every resource of every kind of entry, under every write profile; those of r4 with and without the names of our profiles."""
    found: dict[str, Resource] = {}
    for name in NAMES:
        for named in (False, True) if name == "r4" else (False,):
            how = Writing(load(name), {"activity": "final"}, (FLOWSHEET,) if name == "epic" else (), names_profiles=named)
            found |= {f"{name}{' named' if named else ''} {key}": one for key, one in examples(PROTOCOLS, writing=how).items()}
    return found


def changed(base: Resource, **changes: Any) -> Resource:
    made = deepcopy(base)
    for name, value in changes.items():
        if value is None:
            made.pop(name)
        else:
            made[name] = value
    return made


def one(start: str) -> Resource:
    return next(resource for name, resource in right().items() if name.startswith(f"r4 {start}"))


@cache
def wrong() -> dict[str, Resource]:
    """One thing wrong in each."""
    observation, task, audit = one("Observation-example-grade"), one("Task"), one("AuditEvent")
    quantity = {"value": 1, "unit": "score", "code": "{score}"}
    return {
        "no code": changed(observation, code=None),
        "device version without value": changed(one("Device"), version=[{"type": {"text": "software"}}]),
        "task focus a string": changed(task, focus="Observation/1"),
        "audit outcome of R5": changed(audit, outcome={"code": {"code": "0"}}),
        "bad instant": changed(observation, issued="yesterday"),
        "two effective": changed(observation, effectiveDateTime="2026-01-01"),
        "unknown field": changed(observation, colour="red"),
        "audit without agents": changed(audit, agent=None),
        "provenance target empty": changed(one("Provenance"), target=[]),
        "observation status": changed(observation, status="done"),
        "task status": changed(task, status="open"),
        "audit action": changed(audit, action="X"),
        "performer a Device": changed(observation, performer=[{"reference": "Device/1"}]),
        "obs-6": changed(observation, dataAbsentReason=codes.absent(Reason.DARK)),
        "period reversed": changed(observation, effectivePeriod={"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}),
        "qty-3": changed(observation, valueQuantity=quantity),
        "LOINC check digit": changed(observation, code={"coding": [{"system": "http://loinc.org", "code": "38208-6"}], "text": "x"}),
        "bad UCUM": changed(observation, valueQuantity={**quantity, "system": codes.UCUM, "code": "painlevels"}),
        "narrative that is none": changed(observation, text={"status": "generated", "div": "plain text"}),
    }


EVERYBODY = {"no code", "device version without value", "task focus a string", "audit outcome of R5"}
CAUGHT = {
    "fhirkit": EVERYBODY | {"bad instant", "two effective", "unknown field", "audit without agents"},
    "npm fhir": EVERYBODY - {"task focus a string"} | {"audit without agents", "observation status", "task status", "audit action"},
    "medplum": EVERYBODY | {"bad instant", "audit without agents", "provenance target empty", "obs-6"},
    "hapi": set(wrong()) - {"LOINC check digit", "performer a Device"},
}
"""What each of them is known to catch of the wrong resources as an error, at least."""


def bitten(name: str, errors: dict[str, bool]) -> None:
    """That a validator caught what it is known to catch."""
    assert CAUGHT[name] - {kind for kind, found in errors.items() if found} == set()


def test_our_own_layer_passes_what_is_written_and_bites_on_all_that_is_wrong() -> None:
    assert {name: found for name, resource in right().items() if (found := problems(resource))} == {}
    assert [name for name, resource in wrong().items() if not problems(resource)] == []


def rust_errors(resource: Resource) -> list[str]:
    return [str(issue) for issue in fhirkit.validate(resource) if issue.severity == "error"]


def test_fhirkit_passes_what_is_written_and_bites() -> None:
    assert {name: found for name, resource in right().items() if (found := rust_errors(resource))} == {}
    bitten("fhirkit", {name: bool(rust_errors(resource)) for name, resource in wrong().items()})


@pytest.mark.peer
def test_validators_in_javascript_pass_what_is_written_and_bite() -> None:
    if reason := npm.available():
        pytest.skip(f"npm fhir and Medplum: {reason}")
    said = opinions([*right().values(), *wrong().values()])
    good = dict(zip(right(), said, strict=False))
    assert {name: found for name, found in good.items() if found != Opinions((), ())} == {}
    bad = dict(zip(wrong(), said[len(right()) :], strict=True))
    bitten("npm fhir", {name: bool(found.fhir) for name, found in bad.items()})
    bitten("medplum", {name: bool(found.medplum) for name, found in bad.items()})


def errors(issues: list[Issue]) -> list[str]:
    return [f"{issue.place}: {issue.message}" for issue in issues if issue.severity in ("error", "fatal")]


@pytest.mark.peer
def test_hapis_validator_passes_what_is_written_with_and_without_the_package_and_bites(tmp_path: Path) -> None:
    """With it our profiles and code systems count: an unknown code of ours is an error, and so is what breaks a profile."""
    if reason := available():
        pytest.skip(f"HAPI's validator: {reason}")
    tgz = tmp_path / "wince.fhir.tgz"
    tgz.write_bytes(package(PROTOCOLS))
    grade = one("Observation-example-grade")
    named = {**grade, "meta": {**grade["meta"], "profile": ["urn:wince:structure:observation"]}}
    unknown = {"coding": [{"system": codes.REASON_SYSTEM, "code": "bored"}]}
    beside = {
        "unknown reason": changed(one("Observation-example-unassessable"), dataAbsentReason=unknown),
        "a normal range": changed(named, referenceRange=[{"high": {"value": 3}}]),
        "no device label": changed(named, meta={"profile": named["meta"]["profile"]}),
        "bed a string": changed(named, extension=[{"url": codes.BED_EXTENSION, "valueString": "ICU"}]),
    }
    ours = definitions(PROTOCOLS)
    given = [*right().values(), *ours, *wrong().values(), *beside.values()]
    said = [errors(found) for found in JavaValidator().validate(given, packages=[tgz])]
    good = dict(zip([*right(), *(f"{item['resourceType']} {item['id']}" for item in ours)], said, strict=False))
    # HAPI 8.8 can't make a snapshot of any extension offline, not even to look at its StructureDefinition; those here bring their own
    limits = {name: found for name, found in good.items() if found and "Unable to resolve package id hl7.fhir.r4.core" in found[0]}
    assert set(limits) <= {"StructureDefinition extension-bed", "StructureDefinition extension-camera"}
    assert {name: found for name, found in good.items() if found and name not in limits} == {}
    bad = dict(zip([*wrong(), *beside], said[len(right()) + len(ours) :], strict=True))
    bitten("hapi", {name: bool(found) for name, found in bad.items()})
    assert [name for name in beside if not bad[name]] == []
    plain = {name: resource for name, resource in right().items() if "named" not in name}
    alone = JavaValidator().validate(list(plain.values()))
    assert {name: found for name, issues in zip(plain, alone, strict=True) if (found := errors(issues))} == {}
