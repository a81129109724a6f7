"""CodeSystems, ValueSets and the ConceptMap, from `terms` and the protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wince.delivery import terms
from wince.delivery.fhir import codes
from wince.delivery.fhir.guide.common import conformance
from wince.delivery.terms import Terms
from wince.domain.reason import Reason
from wince.fhir.invariants import Resource
from wince.protocols.rules import ClinicalProtocol


def code_systems(protocols: Mapping[str, ClinicalProtocol]) -> list[Resource]:
    """One for each table of ours and for each code system of ours that a protocol names."""
    return [*(_code_system(one) for one in terms.ALL), *(_code_system(one) for one in of_protocols(protocols))]


def of_protocols(protocols: Mapping[str, ClinicalProtocol]) -> list[Terms]:
    """The protocols' own codes, by code system; systems that are not ours (LOINC, SNOMED) are left out."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    titles: dict[str, str] = {}
    for protocol in protocols.values():
        table = protocol.codes
        named = [(table.system, table.code, table.display, f"{protocol.title}: {protocol.scale.name}")]
        named += [(one.system, one.code, one.display, f"{protocol.title}: grade {name}") for name, one in table.grades.items()]
        for system, code, display, meaning in named:
            if system.startswith("urn:wince:"):
                titles.setdefault(system, protocol.title)
                found.setdefault(system, {}).setdefault(code, (display, meaning))
    return [Terms(url, _name(url), f"Codes of: {titles[url]}", found[url]) for url in sorted(found)]


def _name(url: str) -> str:
    words = url.removeprefix("urn:wince:").replace(":", "-").split("-")
    return "Wince" + "".join(word.capitalize() for word in words)


def _code_system(words: Terms) -> Resource:
    return {
        **conformance("CodeSystem", words.url, words.name, words.title),
        "caseSensitive": True,
        "valueSet": value_set_url(words),
        "content": "complete",
        "count": len(words.words),
        "concept": [{"code": code, "display": display, "definition": meaning} for code, (display, meaning) in words.words.items()],
    }


def value_set_url(words: Terms) -> str:
    """Canonical URL of the ValueSet of all codes of a table."""
    return words.url.replace("urn:wince:", "urn:wince:valueset:", 1)


def value_sets(protocols: Mapping[str, ClinicalProtocol]) -> list[Resource]:
    """All codes of each of our code systems."""
    every: Sequence[Terms] = [*terms.ALL, *of_protocols(protocols)]
    return [
        {
            **conformance("ValueSet", value_set_url(one), f"{one.name}Codes", f"All codes of: {one.title}"),
            "compose": {"include": [{"system": one.url}]},
        }
        for one in every
    ]


def concept_map() -> Resource:
    """From our reasons to those of HL7. AIAST has no row: HL7's v3-ObservationValue of R4's year has not the code."""
    reasons = [
        {"code": code, "target": [{"code": absent_code(code), "equivalence": "wider"}]}
        for code in terms.REASON.words
        if code in set(Reason)
    ]
    return {
        **conformance("ConceptMap", "urn:wince:map:absent", "WinceReasonToHl7", "Wince's reasons as HL7's reasons for absent data"),
        "group": [{"source": terms.REASON.url, "target": codes.ABSENT, "element": reasons}],
    }


def absent_code(reason: str) -> str:
    """HL7's reason for one of ours.

    >>> absent_code("dark")
    'not-performed'
    """
    return {one.value: general for one, general in codes.ABSENT_CODE.items()}.get(reason, "not-performed")
