"""The message of an entry: ORU^R01, and where the profile says so the record sheet as MDM behind it. Pure: equal entries, equal bytes."""

from __future__ import annotations

from collections.abc import Mapping

from wince.delivery.oru.control import control_id
from wince.delivery.oru.people import location, number
from wince.delivery.oru.profiles.profile import Writing
from wince.delivery.oru.results import Result, notes, protocol_code, result_status, results, sheet, written
from wince.delivery.oru.tables import row
from wince.domain.entry import Entry
from wince.errors import MessageError
from wince.hl7.writing import composed, encoded, moment
from wince.protocols.rules import ClinicalProtocol

_TRIGGERS = {"T02": "original document with content", "T10": "replacement with content", "T11": "cancellation"}


def rendered(entry: Entry, protocols: Mapping[str, ClinicalProtocol], writing: Writing) -> str:
    """Segments of one message, or of two one after the other, each ended by CR. Raises MessageError where it can't be written."""
    protocol = protocols.get(entry.protocol)
    if protocol is None:
        raise MessageError("its protocol is not loaded", field="protocol", remedy="load it until its entries are delivered")
    extra = sheet(entry, protocol, writing) if writing.profile.sheet else None
    lines = [*_head(entry, writing, "ORU", "R01", "ORU_R01"), *_patient(entry, writing), *_order(entry, protocol, writing)]
    found = [*results(entry, protocol, writing), *([extra] if extra is not None and writing.profile.sheet == "ed" else [])]
    for place, result in enumerate(found, 1):
        lines.append(written(place, result, entry, writing))
        if place == 1 and writing.profile.notes == "obx":
            lines += notes(entry, protocol, writing)
    if extra is not None and writing.profile.sheet == "mdm":
        lines += _document(entry, extra, writing)
    text = "".join(f"{line}\r" for line in lines)
    encoded(text, writing.profile.charset)
    return text


def _head(entry: Entry, writing: Writing, kind: str, trigger: str, structure: str) -> list[str]:
    profile = writing.profile
    fields = {
        3: composed(writing.sender[0]),
        4: composed(writing.sender[1]),
        5: composed(writing.receiver[0]),
        6: composed(writing.receiver[1]),
        7: moment(entry.issued_us, writing.zone, fraction=profile.fractions),
        9: composed(kind, trigger, structure),
        10: control_id(entry.id, entry.revision, kind),
        11: "P" if writing.production else "T",
        12: profile.version,
        15: profile.accept_ack,
        16: profile.application_ack,
        18: profile.charset,
    }
    return [row("MSH", profile.version, fields)]


def _patient(entry: Entry, writing: Writing) -> list[str]:
    names, version = writing.authorities, writing.profile.version
    visit = number(entry.encounter, "VN", names)
    pid = {1: "1", 3: number(entry.patient, writing.patient_type, names), 5: "^^^^^^U", 18: visit if writing.account else ""}
    pv1 = {1: "1", 2: writing.profile.patient_class, 3: location(entry.bed), 19: visit}
    return [row("PID", version, pid), row("PV1", version, pv1)]


def _order(entry: Entry, protocol: ClinicalProtocol, writing: Writing) -> list[str]:
    profile, filler = writing.profile, composed(str(entry.id), "WINCE")
    lines = [row("ORC", profile.version, {1: "RE", 3: filler})] if profile.orc else []
    obr = {
        1: "1",
        3: filler,
        4: protocol_code(protocol, writing),
        7: moment(entry.start_us, writing.zone, fraction=profile.fractions),
        8: moment(entry.end_us, writing.zone, fraction=profile.fractions),
        22: moment(entry.issued_us, writing.zone, fraction=profile.fractions),
        25: result_status(entry, writing),
    }
    lines.append(row("OBR", profile.version, obr))
    return lines + (notes(entry, protocol, writing) if profile.notes == "obr" else [])


def _document(entry: Entry, extra: Result, writing: Writing) -> list[str]:
    """The record sheet as a document of its own: new, replacing the revision before, or cancelled."""
    profile, withdrawn = writing.profile, entry.status == "entered-in-error"
    trigger = "T11" if withdrawn else "T02" if entry.revision == 1 else "T10"
    at = moment(entry.issued_us, writing.zone, fraction=profile.fractions)
    txa = {
        1: "1",
        2: profile.document_type,
        3: "AP",
        4: moment(entry.start_us, writing.zone, fraction=profile.fractions),
        6: at,
        12: composed(f"{entry.id}.{entry.revision}", "WINCE"),
        13: composed(f"{entry.id}.{entry.revision - 1}", "WINCE") if entry.revision > 1 else "",
        17: "CA" if withdrawn else "AU" if entry.nurse else "DO",
        19: "CA" if withdrawn else "AV",
    }
    lines = _head(entry, writing, "MDM", trigger, "MDM_T01" if withdrawn else "MDM_T02")
    lines += [row("EVN", profile.version, {1: trigger, 2: at}), *_patient(entry, writing), row("TXA", profile.version, txa)]
    return lines if withdrawn else [*lines, written(1, extra, entry, writing)]
