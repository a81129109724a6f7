"""What a report says, as plain facts: the body that the outbox stores and the audit chain proves. Pure.

Which study it joins, whose name stands there and what it replaces is known when it is sent, as with every target; `document` makes the
DICOM object of these facts and those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from wince.delivery import standing, terms
from wince.delivery.fhir.codes import ABSENT_CODE, LABEL
from wince.delivery.site_code import SiteCode
from wince.delivery.sr import codes, uids
from wince.delivery.sr.codes import Coded, Scheme, coded
from wince.domain.entry import Entry, Kind
from wince.domain.estimate import UNITS
from wince.domain.ids import site_namespace
from wince.domain.stay import Identifier
from wince.errors import MessageError
from wince.protocols.rules import ClinicalProtocol

FAILED = Coded("114006", codes.DCM, "Measurement failure")
NOT_ATTEMPTED = Coded("114007", codes.DCM, "Measurement not attempted")
GRADE = coded("urn:wince:component", "grade", "Grade")
REASON = coded("urn:wince:component", "reason", "Why there is no grade")
ONE = Coded("1", codes.UCUM, "no units")
_NO_ATTEMPT = frozenset({"not-applicable", "not-permitted"})
_LONGEST_ID = 64
"""Characters of a Patient ID (LO)."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, or why there is none."""

    name: Coded
    unit: Coded
    number: float | None
    absent: Coded | None = None
    """Why there is no number (PS3.16 CID 42); None where there is one."""
    also: tuple[Coded, ...] = ()
    """The same name in the site's own codes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is said in a code."""

    name: Coded
    value: Coded


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The software that measured."""

    name: str
    version: str
    parameters: tuple[str, ...]
    """Hashes of its weights and of the protocol's rule."""


@dataclass(frozen=True, slots=True)
class Report:
    """One revision of an entry, for one archive. PHI: numbers of the patient and of the visit."""

    entry: UUID
    revision: int
    sop: str
    """SOP Instance UID."""
    predecessor: str
    """That of the revision before; empty for the first."""
    study: str
    """Study Instance UID where the source is no DICOM object."""
    device: str
    """UID of this installation, the device observer."""
    kind: Coded
    method: Coded
    protocol: str
    patient: Identifier
    encounter: Identifier
    source: str
    bed: str
    start_us: int
    end_us: int
    issued_us: int
    status: str
    """preliminary, final, corrected or entered-in-error."""
    nurse: str
    own: bool
    """A nurse's own score: she observed it, no software."""
    values: tuple[Value, ...] = ()
    """What is charted comes first."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    algorithm: Algorithm | None = None
    schemes: tuple[Scheme, ...] = field(default=())

    @property
    def withdrawn(self) -> bool:
        """It says that the entry was an error."""
        return self.status == "entered-in-error"


@dataclass(frozen=True, slots=True)
class Writing:
    """Who writes reports, and how the site codes them."""

    target: str
    site: str
    version: str
    """Wince's."""
    site_codes: tuple[SiteCode, ...] = ()
    standing: Mapping[str, str] = field(default_factory=dict)
    """What the site says of a protocol's scorer (`delivery/standing.py`)."""


def report(entry: Entry, protocols: Mapping[str, ClinicalProtocol], writing: Writing) -> Report:
    """The facts of an entry's report. Raises MessageError where the protocol is unknown, a number is not finite or out of scale, or the
    patient's number does not fit."""
    if entry.protocol not in protocols:
        raise MessageError("this protocol is not loaded", field="protocol", remedy="load its file, or set WINCE_PROTOCOL_DIR")
    protocol, own = protocols[entry.protocol], entry.kind is Kind.VERDICT
    if "\\" in entry.patient.value or len(entry.patient.value) > _LONGEST_ID:
        raise MessageError("the patient's number can't be a Patient ID: a backslash, or over 64 characters", field="patient")
    site = site_namespace(writing.site)
    withdrawn = entry.status == "entered-in-error"
    before = uids.instance(entry.id, entry.revision - 1, writing.target) if entry.revision > 1 else ""
    return Report(
        entry=entry.id,
        revision=entry.revision,
        sop=uids.instance(entry.id, entry.revision, writing.target),
        predecessor=before,
        study=uids.study(site, entry.patient, entry.encounter),
        device=uids.device(site),
        kind=_term(terms.KIND, entry.kind.value),
        method=_term(terms.METHOD, "nurse" if own else "face-video"),
        protocol=protocol.name,
        patient=entry.patient,
        encounter=entry.encounter,
        source=entry.source,
        bed=entry.bed,
        start_us=entry.start_us,
        end_us=entry.end_us,
        issued_us=entry.issued_us,
        status=standing.status(entry, writing.standing),
        nurse=entry.nurse,
        own=own,
        values=() if withdrawn else tuple(_values(entry, protocol, writing)),
        findings=() if withdrawn else tuple(_findings(entry, protocol)),
        notes=tuple(_notes(entry, protocol)),
        algorithm=None if own else _algorithm(entry, protocol, writing),
        schemes=_schemes(entry, protocol, writing),
    )


def _term(table: terms.Terms, code: str) -> Coded:
    return coded(table.url, code, table.words[code][0])


def _values(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> Iterator[Value]:
    unit = Coded(codes.plain(protocol.codes.unit_code), codes.UCUM, codes.plain(protocol.codes.unit))
    name = coded(protocol.codes.system, protocol.codes.code, protocol.codes.display)
    if entry.score is not None and not protocol.scale.low <= entry.score <= protocol.scale.high:
        raise MessageError("the score lies outside the protocol's scale", field="score")
    absent = None if entry.score is not None else _absent(entry)
    if entry.score is not None or entry.grade is None:
        yield Value(name, unit, _finite(entry.score), absent, tuple(_also(protocol, writing)))
    if entry.kind is Kind.VERDICT:
        return
    for code, number in (("median", entry.median), ("peak", entry.peak)):
        if number is not None:
            yield Value(_term(terms.COMPONENT, code), unit, _finite(number))
    for code, number in (("assessable-share", entry.assessable_share), ("confidence", entry.confidence), ("alerts", entry.alerts or None)):
        if number is not None:
            yield Value(_term(terms.COMPONENT, code), ONE, _finite(float(number)))
    for code, level in zip(UNITS, entry.units, strict=False):
        yield Value(
            _term(terms.COMPONENT, code),
            Coded("{score}", codes.UCUM, "score"),
            _finite(level),
            None if level is not None else NOT_ATTEMPTED,
        )


def _also(protocol: ClinicalProtocol, writing: Writing) -> Iterator[Coded]:
    for one in writing.site_codes:
        if one.protocol == protocol.name:
            yield coded(one.system, one.code, one.display or protocol.codes.display)


def _absent(entry: Entry) -> Coded:
    general = ABSENT_CODE.get(entry.reason, "not-performed") if entry.reason else "unknown"
    return NOT_ATTEMPTED if general in _NO_ATTEMPT else FAILED


def _findings(entry: Entry, protocol: ClinicalProtocol) -> Iterator[Finding]:
    if entry.grade is not None:
        if not 0 <= entry.grade < len(protocol.scale.grades):
            raise MessageError("the grade is none of the protocol's", field="grade")
        name = protocol.scale.name_of(entry.grade)
        known = protocol.codes.grades.get(name)
        value = coded(known.system, known.code, known.display) if known else coded(protocol.codes.system, name, name)
        yield Finding(GRADE, value)
    elif entry.reason is not None:
        yield Finding(REASON, _term(terms.REASON, entry.reason.value))


def _notes(entry: Entry, protocol: ClinicalProtocol) -> Iterator[str]:
    if entry.status == "entered-in-error":
        yield "Withdrawn: entered in error. What was reported before does not hold."
    elif entry.outranked:
        yield f"Outranked by what the patient, or a nurse, said of this time: {entry.outranked}"
    yield LABEL if entry.kind is not Kind.VERDICT and not protocol.report.label else _label(entry, protocol)
    if entry.score is not None and entry.status != "entered-in-error":
        scale = protocol.scale
        bands = ", ".join(f"{band.name} from {band.min:g}" for band in scale.grades)
        yield f"Scale: {scale.name}, {scale.low:g} to {scale.high:g}; grades: {bands}"


def _label(entry: Entry, protocol: ClinicalProtocol) -> str:
    return "Scored by a nurse." if entry.kind is Kind.VERDICT else protocol.report.label


def _algorithm(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> Algorithm:
    hashes = [("model set sha256", entry.model_set), ("protocol rule sha256", entry.rule)]
    said = [f"{name}: {value}" for name, value in hashes if value]
    said.append(f"protocol: {protocol.name} {protocol.version}")
    if entry.personal:
        said.append("compared with the patient's own calm face")
    return Algorithm("Wince", writing.version, tuple(said))


def _schemes(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> tuple[Scheme, ...]:
    systems = [terms.KIND.url, protocol.codes.system, *(grade.system for grade in protocol.codes.grades.values())]
    systems += [one.system for one in writing.site_codes if one.protocol == protocol.name]
    found = {made.designator: made for system in systems if (made := codes.scheme(system)) is not None}
    return tuple(found[name] for name in sorted(found))


def _finite(number: float | None) -> float | None:
    if number is None:
        return None
    if not math.isfinite(number):
        raise MessageError("a number is not finite", field="value")
    return round(float(number), 3)
