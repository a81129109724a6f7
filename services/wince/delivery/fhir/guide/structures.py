"""StructureDefinitions: profiles of what Wince writes, and its two extensions. Differentials; a validator makes the snapshots.

Each rule is an `Element`: path below the type, how often, which type or code. They say what the mapping always does, no more: `package`'s
test holds every resource of every kind of entry against them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wince.delivery import terms
from wince.delivery.fhir import codes
from wince.delivery.fhir.guide.common import conformance
from wince.delivery.fhir.guide.vocabulary import value_set_url
from wince.delivery.fhir.parts import structure_url
from wince.fhir.invariants import Resource

_BASE = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class Element:
    """One rule about an element."""

    path: str
    """Below the type, such as "code"; empty: the type itself."""
    low: int | None = None
    high: str | None = None
    means: str = ""
    """For people: short."""
    fixed: tuple[str, str] | None = None
    """("fixedCode", value) and its like."""
    targets: tuple[str, ...] = ()
    """Types that a Reference may point to."""
    values: str = ""
    """Canonical URL of a value set whose codes alone are allowed."""


@dataclass(frozen=True, slots=True)
class Structure:
    """One profile."""

    id: str
    kind: str
    """FHIR type."""
    title: str
    elements: tuple[Element, ...] = field(default_factory=tuple)


def _always(*paths: str) -> tuple[Element, ...]:
    return tuple(Element(path, low=1) for path in paths)


def _never(*paths: str) -> tuple[Element, ...]:
    return tuple(Element(path, high="0") for path in paths)


_WHOSE = (Element("subject", low=1, targets=("Patient",)), Element("encounter", low=1, targets=("Encounter",)))

PROFILES = (
    Structure(
        "observation",
        "Observation",
        "What software read from a face on video",
        (
            Element("identifier", low=2, means="The entry's id and the assessment's"),
            *_always("meta.security", "code.text", "category", "effective[x]", "issued", "method", "note"),
            *_WHOSE,
            Element("referenceRange.type", low=1, means="No range is a normal range"),
            Element("value[x]", means="A score or a grade; never beside a reason for absence"),
            *_never("focus", "bodySite", "specimen", "hasMember"),
        ),
    ),
    Structure(
        "nurse-observation",
        "Observation",
        "A nurse's own score, where software asked her to look",
        (
            *_always("identifier", "code.text", "effective[x]", "issued", "method", "performer", "derivedFrom"),
            *_WHOSE,
            Element("performer", low=1, targets=("Practitioner",)),
            Element("referenceRange.type", low=1, means="No range is a normal range"),
            *_never("device", "focus", "component"),
        ),
    ),
    Structure(
        "question",
        "Task",
        "A nurse is asked to look at the patient and score",
        (
            *_always("identifier", "code", "for", "encounter", "lastModified", "requester", "owner", "reasonCode", "input"),
            Element("intent", fixed=("fixedCode", "order")),
            Element("code", values=value_set_url(terms.TASK)),
            Element("reasonCode", values=value_set_url(terms.REASON)),
            Element("for", targets=("Patient",)),
            Element("focus", targets=("Observation",)),
            Element("executionPeriod", high="0", means="The stretch that is asked about is an input"),
        ),
    ),
    Structure(
        "alert",
        "CommunicationRequest",
        "Calls people to an alert",
        (
            *_always("identifier", "category", "subject", "encounter", "about", "payload", "authoredOn", "requester", "sender"),
            Element("priority", fixed=("fixedCode", "urgent")),
            Element("about", high="1", targets=("Observation",)),
        ),
    ),
    Structure("device", "Device", "The software with its models", _always("identifier", "manufacturer", "deviceName", "version")),
    Structure(
        "provenance",
        "Provenance",
        "How one revision of an entry came to be",
        (Element("target", low=1, high="1", targets=("Observation",)), *_always("occurred[x]", "activity", "entity")),
    ),
    Structure(
        "audit-event",
        "AuditEvent",
        "What Wince did at this server, in the shape of IHE BALP",
        (
            *_always("subtype", "action", "outcome", "entity"),
            Element("agent", low=2, means="Wince (DCM 110153) and the server (DCM 110152)"),
            *_always("agent.type", "agent.who", "agent.network"),
        ),
    ),
)
EXTENSIONS = (
    (codes.BED_EXTENSION, "WinceBed", "The bed, as the hospital's ADT names it"),
    (codes.CAMERA_EXTENSION, "WinceCamera", "The camera that looked, or the sha256 of a file"),
)


def structures() -> list[Resource]:
    """All profiles and extensions."""
    return [*(_profile(one) for one in PROFILES), *(_extension(*one) for one in EXTENSIONS)]


def _profile(structure: Structure) -> Resource:
    name = "Wince" + "".join(word.capitalize() for word in structure.id.split("-"))
    return {
        **conformance("StructureDefinition", structure_url(structure.id), name, structure.title),
        "fhirVersion": "4.0.1",
        "kind": "resource",
        "abstract": False,
        "type": structure.kind,
        "baseDefinition": _BASE + structure.kind,
        "derivation": "constraint",
        "differential": {"element": list(_elements(structure))},
    }


def _elements(structure: Structure) -> Iterable[Resource]:
    """In the order of R4's own definition (validators need it), each path once."""
    yield {"id": structure.kind, "path": structure.kind, "short": structure.title}
    merged: dict[str, Resource] = {}
    for element in structure.elements:
        path = f"{structure.kind}.{element.path}"
        merged.setdefault(path, {"id": path, "path": path}).update(_element(element))
    for path in sorted(merged, key=lambda one: _place(structure.kind, one)):
        yield merged[path]


def _element(element: Element) -> Resource:
    made: Resource = {}
    if element.means:
        made["short"] = element.means
    if element.low is not None:
        made["min"] = element.low
    if element.high is not None:
        made["max"] = element.high
    if element.targets:
        made["type"] = [{"code": "Reference", "targetProfile": [_BASE + target for target in element.targets]}]
    if element.fixed is not None:
        made[element.fixed[0]] = element.fixed[1]
    if element.values:
        made["binding"] = {"strength": "required", "valueSet": element.values}
    return made


_ORDER = {
    "Observation": "meta identifier basedOn status category code subject focus encounter effective[x] issued performer value[x] "
    "interpretation note bodySite method specimen device referenceRange hasMember derivedFrom component",
    "Task": "identifier status intent priority code focus for encounter executionPeriod authoredOn lastModified requester owner reasonCode "
    "restriction input",
    "CommunicationRequest": "identifier status category priority subject about encounter payload authoredOn requester recipient sender",
    "Device": "identifier status manufacturer deviceName version note",
    "Provenance": "target occurred[x] recorded policy activity agent entity",
    "AuditEvent": "type subtype action recorded outcome agent source entity",
}
_INSIDE = {"Observation.code.text": 1, "AuditEvent.agent.type": 1, "AuditEvent.agent.who": 2, "AuditEvent.agent.network": 3}


def _place(kind: str, path: str) -> tuple[int, int, int]:
    steps = path.split(".")[1:]
    return (_ORDER[kind].split().index(steps[0]), len(steps), _INSIDE.get(path, 0))


def _extension(url: str, name: str, title: str) -> Resource:
    return {
        **conformance("StructureDefinition", url, name, title),
        "fhirVersion": "4.0.1",
        "kind": "complex-type",
        "abstract": False,
        "context": [{"type": "element", "expression": "Observation"}],
        "type": "Extension",
        "baseDefinition": _BASE + "Extension",
        "derivation": "constraint",
        "snapshot": {"element": [_whole(one) for one in _inside(url, title)]},
    }


def _inside(url: str, title: str) -> list[Resource]:
    """The elements of an extension. Its snapshot is given, and no differential: HAPI's validator can't make a snapshot of an extension."""
    return [
        {"id": "Extension", "path": "Extension", "short": title, "min": 0, "max": "1"},
        {"id": "Extension.extension", "path": "Extension.extension", "min": 0, "max": "0", "type": [{"code": "Extension"}]},
        {"id": "Extension.url", "path": "Extension.url", "min": 1, "max": "1", "type": [{"code": "uri"}], "fixedUri": url},
        {"id": "Extension.value[x]", "path": "Extension.value[x]", "min": 1, "max": "1", "type": [{"code": "Identifier"}]},
    ]


_MANY = ("Extension", "Extension.extension")
_BASES = {"Extension.url": 1}


def _whole(element: Resource) -> Resource:
    path = element["path"]
    base = {"path": path, "min": _BASES.get(path, 0), "max": "*" if path in _MANY else "1"}
    return {**element, "definition": f"{element.get('short', path)}.", "base": base}
