"""Which fields of which segments are written, and what they hold: the messages and their page (`page.py`) are made from these tables.

Numbers and names as in HL7 v2.5.1, chapters 2, 3, 4, 7 and 9; `since` is the first
version that has the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from wince.hl7.writing import segment


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a segment."""

    name: str
    """As the standard calls it."""
    holds: str
    """What Wince writes."""
    since: str = "2.3.1"
    until: str = ""
    """The first version that no longer has it; empty: all have it."""


SEGMENTS: Mapping[str, Mapping[int, Field]] = {
    "MSH": {
        3: Field("Sending Application", "`oru_sending_application`"),
        4: Field("Sending Facility", "`oru_sending_facility`"),
        5: Field("Receiving Application", "`oru_receiving_application`"),
        6: Field("Receiving Facility", "`oru_receiving_facility`"),
        7: Field("Date/Time of Message", "when this revision of the entry was made; the same in each repetition"),
        9: Field("Message Type", "`ORU^R01^ORU_R01`; of a document `MDM` with its trigger"),
        10: Field("Message Control ID", "20 letters and digits, computed of the entry and its revision: the same in each repetition"),
        11: Field("Processing ID", "`P`; `T` where `production_site` is false"),
        12: Field("Version ID", "the profile's version"),
        15: Field("Accept Acknowledgment Type", "the profile's `accept_ack`"),
        16: Field("Application Acknowledgment Type", "the profile's `application_ack`"),
        18: Field("Character Set", "the profile's `charset`; empty for ASCII"),
    },
    "EVN": {
        1: Field("Event Type Code", "the trigger of MSH-9", until="2.7"),
        2: Field("Recorded Date/Time", "as MSH-7"),
    },
    "PID": {
        1: Field("Set ID", "`1`"),
        3: Field("Patient Identifier List", "the medical record number, its authority as the census knows it, its type"),
        5: Field("Patient Name", "`^^^^^^U`: Wince knows no names"),
        18: Field("Patient Account Number", "the visit's number with its authority, where `visit_number` is PID-18"),
    },
    "PV1": {
        1: Field("Set ID", "`1`"),
        2: Field("Patient Class", "the profile's `patient_class`"),
        3: Field("Assigned Patient Location", "the bed of the camera"),
        19: Field("Visit Number", "the visit's number with its authority and type `VN`"),
    },
    "ORC": {
        1: Field("Order Control", "`RE`: observations to follow"),
        3: Field("Filler Order Number", "as OBR-3"),
    },
    "OBR": {
        1: Field("Set ID", "`1`"),
        3: Field("Filler Order Number", "the entry's id, a UUID, and `WINCE`: the same in all revisions"),
        4: Field("Universal Service Identifier", "the protocol's code in `99WINCE`, beside it the site's (`oru_codes`)"),
        7: Field("Observation Date/Time", "begin of what was looked at: the window, the alert, or the stretch of a summary"),
        8: Field("Observation End Date/Time", "its end"),
        22: Field("Results Rpt/Status Chng", "when this revision was made"),
        25: Field("Result Status", "`P` preliminary, `F` final, `C` corrected or withdrawn"),
    },
    "OBX": {
        1: Field("Set ID", "counts from 1"),
        2: Field("Value Type", "`NM`, `CE` (from v2.6 on `CWE`), or `ED` for the PDF"),
        3: Field("Observation Identifier", "what it is, in `99WINCE`; of the value the protocol's code, beside it the site's"),
        4: Field("Observation Sub-ID", "`1`"),
        5: Field("Observation Value", 'number, code, or PDF in base64; empty where OBX-11 is `X`; `""` where a withdrawal deletes it'),
        6: Field("Units", "UCUM, such as `{score}`"),
        8: Field("Abnormal Flags", "of the value from the alert's grade on: `H` of a number, `A` of a grade alone. Never `N`"),
        11: Field("Observation Result Status", "`P`, `F`, `C`; `X` where there is no value; `W` or `D` where withdrawn"),
        14: Field("Date/Time of the Observation", "end of what was looked at, with the zone's offset"),
        16: Field("Responsible Observer", "the nurse who scored or confirmed, by her staff identifier"),
        17: Field("Observation Method", "`face-video` (software looked) or `nurse`"),
        18: Field("Equipment Instance Identifier", "the id of the software with its models; not of a nurse's own score", "2.4"),
        19: Field("Date/Time of the Analysis", "when this revision was made", "2.4"),
        21: Field("Observation Instance Identifier", "the entry's id, a dot and the code of OBX-3", "2.7"),
    },
    "NTE": {
        1: Field("Set ID", "counts from 1"),
        2: Field("Source of Comment", "`L`: the filler"),
        3: Field("Comment", "the protocol's label, the scale, which software and models; what outranks the value; that it is withdrawn"),
    },
    "TXA": {
        1: Field("Set ID", "`1`"),
        2: Field("Document Type", "the profile's `document_type`"),
        3: Field("Document Content Presentation", "`AP`: a file of an application"),
        4: Field("Activity Date/Time", "begin of what was looked at"),
        6: Field("Origination Date/Time", "when this revision was made"),
        12: Field("Unique Document Number", "entry id, a dot, revision, in `WINCE`"),
        13: Field("Parent Document Number", "of a replacement or a cancellation: that of the revision before"),
        17: Field("Document Completion Status", "`DO` documented, `AU` authenticated by a nurse; `CA` where withdrawn"),
        19: Field("Document Availability Status", "`AV`; `CA` where withdrawn"),
    },
}


def number(version: str) -> tuple[int, ...]:
    """A version that can be compared.

    >>> number("2.5.1") < number("2.7")
    True
    """
    return tuple(map(int, version.split(".")))


def row(name: str, version: str, fields: Mapping[int, str]) -> str:
    """A segment; what the version doesn't have is left out. Raises KeyError for a field that the tables don't name."""
    known = _known(name, version)
    return segment(name, {place: text for place, text in fields.items() if known[place]})


@cache
def _known(name: str, version: str) -> dict[int, bool]:
    """Whether a version has a field, by its number."""
    ours = number(version)
    return {place: number(one.since) <= ours and (not one.until or ours < number(one.until)) for place, one in SEGMENTS[name].items()}
