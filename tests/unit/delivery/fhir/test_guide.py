"""The guide says what the mapping writes: its pages, its package, its words."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wince.delivery import terms
from wince.delivery.fhir.guide.capability import capabilities
from wince.delivery.fhir.guide.examples import entries, examples
from wince.delivery.fhir.guide.package import definitions, package
from wince.delivery.fhir.guide.pages import pages
from wince.delivery.fhir.guide.structures import PROFILES
from wince.delivery.fhir.guide.vocabulary import of_protocols
from wince.delivery.fhir.profiles.profile import NAMES, R4, Writing
from wince.domain.entry import Kind
from wince.domain.reason import Reason
from wince.fhir.classes import misfits
from wince.fhir.invariants import problems
from wince.protocols import loader

DOCS = Path(__file__).resolve().parents[4] / "docs"
PROTOCOLS = {name: loader.load(name) for name in loader.available()}


def codings(node: Any) -> Iterator[tuple[str, str]]:
    """Every (system, code) in a resource."""
    if isinstance(node, dict):
        if isinstance(node.get("system"), str) and isinstance(node.get("code"), str):
            yield node["system"], node["code"]
        for child in node.values():
            yield from codings(child)
    elif isinstance(node, list):
        for child in node:
            yield from codings(child)


def test_the_pages_are_as_make_docs_writes_them() -> None:
    assert (DOCS / "reference" / "fhir.md").read_text() == pages(), "run `make docs`"


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert reason.value in terms.REASON.words


def test_every_kind_has_words_and_an_example() -> None:
    made = entries(PROTOCOLS["activity"])
    kinds = {getattr(item, "kind", None) for item in made.values()} - {None}
    assert kinds == set(Kind)
    assert set(terms.KIND.words) == {kind.value for kind in Kind}


def test_every_code_of_ours_in_an_example_stands_in_a_code_system() -> None:
    known = {one.url: set(one.words) for one in [*terms.ALL, *of_protocols(PROTOCOLS)]}
    found = {pair for one in examples(PROTOCOLS).values() for pair in codings(one) if pair[0].startswith("urn:wince:")}
    assert {(system, code) for system, code in found if code not in known.get(system, ())} == set()
    assert len(found) > 25


def test_every_profile_of_ours_is_named_by_an_example() -> None:
    named = {url for one in examples(PROTOCOLS).values() for url in one["meta"]["profile"]}
    assert named == {f"urn:wince:structure:{one.id}" for one in PROFILES}
    assert all("profile" not in one.get("meta", {}) for one in examples(PROTOCOLS, writing=Writing(R4)).values())


def test_definitions_and_examples_are_valid_and_named_once() -> None:
    made = [*definitions(PROTOCOLS), *examples(PROTOCOLS).values()]
    assert {f"{one['resourceType']}/{one['id']}": found for one in made if (found := misfits(one, one["resourceType"]))} == {}
    assert {one["id"]: found for one in examples(PROTOCOLS).values() if (found := problems(one))} == {}
    places = [f"{one['resourceType']}/{one['id']}" for one in made]
    assert len(set(places)) == len(places)


def test_the_package_has_the_layout_of_fhir_packages_and_is_the_same_bytes_each_time() -> None:
    body = package(PROTOCOLS)
    assert body == package(PROTOCOLS)
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
        files = {name: json.loads(tar.extractfile(name).read()) for name in tar.getnames()}  # type: ignore[union-attr]
    manifest, index = files["package/package.json"], files["package/.index.json"]
    assert (manifest["name"], manifest["fhirVersions"], manifest["dependencies"]) == (
        "wince.fhir",
        ["4.0.1"],
        {"hl7.fhir.r4.core": "4.0.1"},
    )
    listed = {f"package/{one['filename']}" for one in index["files"]}
    assert listed | {"package/package.json", "package/.index.json"} == {name for name in files if not name.startswith("package/example/")}
    kinds = {one["resourceType"] for one in index["files"]}
    assert kinds == {"ImplementationGuide", "StructureDefinition", "CodeSystem", "ValueSet", "ConceptMap", "CapabilityStatement"}
    assert sum(name.startswith("package/example/") for name in files) == len(examples(PROTOCOLS))


def test_what_is_needed_of_a_server_is_said_for_each_write_profile() -> None:
    said = {one["id"].removeprefix("capability-"): one["rest"][0]["resource"] for one in capabilities()}
    assert set(said) == set(NAMES)
    interactions = {one["type"]: [each["code"] for each in one["interaction"]] for one in said["epic"]}
    assert interactions == {"Observation": ["create", "search-type"], "Patient": ["search-type"], "Encounter": ["search-type"]}
