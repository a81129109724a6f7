"""The results of an entry: which OBX it becomes, by kind, and which status each has."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass

from wince.delivery import standing, terms
from wince.delivery.oru.profiles.profile import Writing
from wince.delivery.oru.tables import row
from wince.delivery.site_code import SiteCode
from wince.domain.entry import Entry, Kind
from wince.domain.estimate import UNITS
from wince.domain.ids import device_id
from wince.errors import MessageError
from wince.hl7.writing import NULL, composed, escaped, moment, number
from wince.protocols.rules import ClinicalProtocol

OURS = "99WINCE"
"""Name of Wince's own codes (HL7 table 0396: 99 and letters is a local set of a sender)."""
_TABLE_0396 = {"http://loinc.org": "LN", "http://snomed.info/sct": "SCT"}
_STATUS = {"preliminary": "P", "final": "F", "corrected": "C"}
REPORT = ("report", "Record sheet (PDF)")
GRADE = ("grade", "Grade")
REASON = ("reason", "Why there is no value")
KIND = ("kind", "Why an entry stands in the record")


@dataclass(frozen=True, slots=True)
class Result:
    """One OBX before it is written."""

    code: str
    """Of OBX-3, for OBX-21."""
    identifier: str
    """OBX-3."""
    kind: str
    """OBX-2."""
    value: str
    """OBX-5, written; empty: there is none."""
    unit: str = ""
    flag: str = ""


def status(entry: Entry, writing: Writing) -> str:
    """OBX-11 of what holds a value."""
    said = standing.status(entry, writing.standing)
    if said == "entered-in-error":
        return "W" if writing.profile.withdraws == "by_hand" else writing.profile.withdraws
    return _STATUS[said]


def result_status(entry: Entry, writing: Writing) -> str:
    """OBR-25: a withdrawal is a correction to results."""
    return "C" if entry.status == "entered-in-error" else status(entry, writing)


def ours(code: str, text: str) -> str:
    """A code of Wince's own as CE."""
    return composed(code, text, OURS)


def protocol_code(protocol: ClinicalProtocol, writing: Writing) -> str:
    """The protocol's code, and beside it the site's first: a CE has room for two."""
    mine = ours(protocol.codes.code, protocol.codes.display)
    site: SiteCode | None = next((one for one in writing.codes if one.protocol == protocol.name), None)
    return mine if site is None else f"{mine}^{composed(site.code, site.display, site.system)}"


def results(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> Iterator[Result]:
    """Everything that the profile wants said of an entry, the value first."""
    coded, wanted = writing.profile.coded, writing.profile.results
    yield _value(entry, protocol, writing)
    if "grade" in wanted and entry.grade is not None and entry.score is not None:
        yield Result(GRADE[0], ours(*GRADE), coded, _grade(entry.grade, protocol))
    if "reason" in wanted and entry.reason is not None:
        words = terms.REASON.words.get(entry.reason.value, (entry.reason.value,))[0]
        yield Result(REASON[0], ours(*REASON), coded, ours(entry.reason.value, words))
    if "kind" in wanted:
        yield Result(KIND[0], ours(*KIND), coded, ours(entry.kind.value, terms.KIND.words[entry.kind.value][0]))
    if entry.kind is Kind.VERDICT:
        return
    unit = _unit(protocol)
    numbers = {
        "median": (entry.median, unit),
        "peak": (entry.peak, unit),
        "assessable-share": (entry.assessable_share, "1"),
        "confidence": (entry.confidence, "1"),
        "alerts": (entry.alerts or None, "1"),
    }
    yield from (_number(name, *said) for name, said in numbers.items() if name in wanted and said[0] is not None)
    if "units" in wanted:
        levels = zip(UNITS, entry.units, strict=False)
        yield from (_number(name, level, composed("{score}", "score", "UCUM")) for name, level in levels if level is not None)


def sheet(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> Result | None:
    """The record sheet as ED; None where the profile wants none of this kind."""
    if writing.sheet is None or entry.kind.value not in writing.profile.sheet_kinds:
        return None
    data = base64.b64encode(writing.sheet(entry, protocol)).decode()
    return Result(REPORT[0], ours(*REPORT), "ED", f"{composed('WINCE')}^AP^PDF^Base64^{data}")


def written(place: int, result: Result, entry: Entry, writing: Writing) -> str:
    """One OBX."""
    profile, state = writing.profile, status(entry, writing)
    withdrawn = entry.status == "entered-in-error"
    deletes = withdrawn and profile.withdraws == "C"
    if not result.value and not withdrawn:
        state = "X"
    own = entry.kind is Kind.VERDICT
    method = "nurse" if own else "face-video"
    fields = {
        1: str(place),
        2: result.kind,
        3: result.identifier,
        4: "1",
        5: NULL if deletes else result.value,
        6: result.unit if result.value and not deletes else "",
        8: result.flag if not deletes else "",
        11: state,
        14: moment(entry.end_us, writing.zone, fraction=profile.fractions),
        16: composed(entry.nurse),
        17: ours(method, terms.METHOD.words[method][0]),
        18: "" if own else composed(str(device_id(entry.model_set, writing.version)), "WINCE"),
        19: moment(entry.issued_us, writing.zone, fraction=profile.fractions),
        21: composed(f"{entry.id}.{result.code}", "WINCE"),
    }
    return row("OBX", profile.version, fields)


def notes(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> list[str]:
    """What a reader must know beside the value; each an NTE."""
    own, scale = entry.kind is Kind.VERDICT, protocol.scale
    said = []
    if entry.status == "entered-in-error":
        said.append("Withdrawn: entered in error.")
    if entry.outranked:
        said.append(f"Outranked by what the patient, or a nurse, said of this time: {entry.outranked}")
    said.append("Scored by a nurse." if own else protocol.report.label)
    bands = ", ".join(f"{band.name} from {number(band.min)}" for band in scale.grades)
    said.append(f"Scale: {scale.name}. Grades: {bands}. No range is a normal range.")
    if not own:
        said.append(f"Wince {writing.version}, models sha256 {entry.model_set or 'none'}, rule sha256 {entry.rule or 'none'}.")
    return [row("NTE", writing.profile.version, {1: str(place), 2: "L", 3: escaped(text)}) for place, text in enumerate(said, 1)]


def _value(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> Result:
    code, identifier = protocol.codes.code, protocol_code(protocol, writing)
    if entry.score is not None:
        if not protocol.scale.low <= entry.score <= protocol.scale.high:
            raise MessageError("the score lies outside the protocol's scale", field="score")
        return Result(code, identifier, "NM", _decimal(entry.score), _unit(protocol), _flag(entry, protocol, "H"))
    if entry.grade is not None:
        return Result(code, identifier, writing.profile.coded, _grade(entry.grade, protocol), "", _flag(entry, protocol, "A"))
    return Result(code, identifier, "NM", "")


def _flag(entry: Entry, protocol: ClinicalProtocol, above: str) -> str:
    """OBX-8 from the grade on that calls people. Never N: a quiet face is no proof that there is no pain."""
    names = [band.name for band in protocol.scale.grades]
    return above if entry.grade is not None and entry.grade >= names.index(protocol.grade.alert.grade) else ""


def _grade(grade: int, protocol: ClinicalProtocol) -> str:
    if not 0 <= grade < len(protocol.scale.grades):
        raise MessageError("the grade is none of the protocol's", field="grade")
    name = protocol.scale.name_of(grade)
    code = protocol.codes.grades.get(name)
    beside = f"^{composed(code.code, code.display, _TABLE_0396[code.system])}" if code and code.system in _TABLE_0396 else ""
    return ours(name, name) + beside


def _number(name: str, value: float | None, unit: str) -> Result:
    assert value is not None
    return Result(
        name, ours(name, terms.COMPONENT.words[name][0]), "NM", _decimal(value), unit if "^" in unit else composed(unit, "", "UCUM")
    )


def _unit(protocol: ClinicalProtocol) -> str:
    return composed(protocol.codes.unit_code, protocol.codes.unit, "UCUM")


def _decimal(value: float) -> str:
    if not math.isfinite(value):
        raise MessageError("a number is not finite", field="OBX-5")
    return number(value)
