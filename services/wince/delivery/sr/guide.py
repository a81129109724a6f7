"""docs/reference/dicom-sr.md, made from the tables that reports are written by: `python -m wince.delivery.sr.guide FILE`. Needs the extra
`imaging`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset

from wince.delivery import terms
from wince.delivery.fhir.guide.examples import entries
from wince.delivery.sr import codes
from wince.delivery.sr.answers import HTTP, STATUSES
from wince.delivery.sr.document import Circumstances, document
from wince.delivery.sr.evidence import Evidence
from wince.delivery.sr.report import GRADE, REASON, Report, Writing, report
from wince.dicom.scp.pdu import IMPLEMENTATION, IMPLEMENTATION_UID
from wince.dicom.scu.client import KEY_OBJECTS, REPORT, SENT
from wince.dicom.scu.negotiation import APPLICATION_CONTEXT, LONGEST
from wince.domain.entry import Entry, Kind
from wince.protocols import loader

_HEAD = """# DICOM SR: what an image archive gets

Made by `make docs` from the tables that Wince writes by; a test compares. [How to connect an archive](../how-to/archive.md).

Research use, not validated, adjunct to a nurse's judgement: every report of the software says so in a comment.

## Objects

| object | when | SOP class |
|---|---|---|
"""
_RULES = """
## What a reader can rely on

- One report for each revision of an entry. Its SOP Instance UID is `2.25.` and a number made from the entry's id, the revision and the
  target's name. The same report sent again is the same object, byte by byte.
- A revision names the one before in Predecessor Documents Sequence, if that was sent to this archive. Tracking Identifier and Tracking
  Unique Identifier are the entry's id in every revision.
- A withdrawn entry is a revision, too: Completion Flag Description says `Withdrawn: entered in error`, a comment says so, and there is no
  number, grade or reason in it. Completion Flag is `COMPLETE`: the document is, and only `PARTIAL` is its other value.
- Preliminary Flag is `PRELIMINARY` until a nurse, or the site's `ehr_standing`, makes the entry final. Verification Flag is `VERIFIED` for
  a nurse's own score, and for what a nurse confirmed: Verifying Observer Sequence holds the staff identifier as a name with one component.
- Where the source is a DICOM object, the report joins its study: patient and study attributes are repeated as the object has them. It cites
  the object, and its seconds as temporal coordinates (TCOORD, SEGMENT, offsets from the first frame) below the first measurement or code.
  If patient numbers differ (a person said whose the object is, or numbers were merged), the report stands in a study of its own and cites
  the object as pertinent other evidence: a study never gets two patients.
- A bedside camera gives no picture that is kept, so nothing is cited: the standard asks for evidence only where there is some. The study is
  made from patient and encounter: Patient ID with its issuer, birth date where the ADT feed gave one, Admission ID; name, sex, study date
  and accession number are empty.
- Every time in the content is a date time with its offset, in UTC. The times of the object itself are in the study's zone: that of the
  object's Timezone Offset From UTC, else the site's `time_zone`; in a study of our own, UTC.
- What was not measured is a code (`Measurement not attempted`, `Measurement failure`), never 0. The standard also allows a number without
  value; common readers, highdicom among them, break on it.
- A report has no normal range. Grades come from the protocol and are not degrees of illness.
- Text is UTF-8 (`ISO_IR 192`), the transfer syntax Explicit or Implicit VR Little Endian, as the archive takes.
- dciodvfy finds no error in any kind of report, and highdicom reads each: tests do both, and store them at Orthanc and dcmtk's storescp.

## Codes

Codes of Wince are of the scheme `99WINCE`, version {version}. The site's codes (`ehr_codes`) stand as equivalent codes beside the
protocol's own; LOINC as `LN`, SNOMED CT as `SCT`, another system as `99` and the head of its sha256. Every scheme that DICOM does not know
stands with its URI in Coding Scheme Identification Sequence.

"""
_NETWORK = """
## On the network

What Wince is as a client of an archive.

| | |
|---|---|
| application context | `{context}` |
| as SCU | Verification; {classes}; Storage Commitment Push Model (`archive_commitment`) |
| as SCP | `archive_commitment_listen` alone: Verification, and reports of storage commitment, whose SCP the archive is |
| transfer syntaxes | Explicit and Implicit VR Little Endian, proposed together for each SOP class |
| associations | one for each delivery, opened when there is something to send; up to 4 at a time |
| AE titles | `archive_calling_ae`, `archive_called_ae`; the listener takes only the archive under its title |
| longest P-DATA-TF | {pdu} bytes are taken; what the archive offers is kept to |
| implementation | class UID `{uid}`, version name `{name}` |
| STOW-RS | `POST /studies`, one request for each delivery, parts of `application/dicom`; Bearer or Basic |
"""
_ANSWERS = """
## Answers of the archive

To C-STORE, and to an object in a STOW-RS answer:

| status | meaning | what happens |
|---|---|---|
"""
_WEB = """
A status that the table lacks is tried again, as an odd answer, for an hour. No association, an abort, no answer in time: the outcome is
unknown, so the same object is sent again. An association that is rejected for good (AE titles) holds the target; one that is rejected for
now is tried again.

To STOW-RS, where the answer names no objects:

| HTTP | what happens |
|---|---|
| 401, 403 | {held} |
| 408, 425, 429, 502, 503, 504 | tried again; Retry-After is honoured |
| 500 and other 5xx, a success that can't be used | tried again; if it goes on for an hour, a dead letter |
| 3xx, 404, 405, 413, 423 | tried again for 15 minutes, then a dead letter |
| other 4xx | dead letter |

## Not done

Modality Worklist as a source of the census, MPPS, query and retrieve, print, and storage commitment by DICOMweb.
"""
_OUTCOMES = {"written": "written", "retry": "tried again, with growing pauses", "dead": "dead letter", "held": "the target is held"}


def page() -> str:
    """The whole document."""
    protocol = loader.load("activity")
    made = {name: one for name, one in entries(protocol).items() if isinstance(one, Entry)}
    alert = next(one for one in made.values() if one.kind is Kind.ALERT)
    facts = report(alert, {protocol.name: protocol}, Writing("archive", "wince", "0.1.0"))
    rules = _RULES.format(version=codes.OURS_VERSION)
    return "".join([_HEAD, *_objects(), rules, *_codes(), _example(facts), _network(), *_answers()])


def _objects() -> Iterator[str]:
    rows = (
        ("Structured Report, TID 1500", "each entry, and each revision of it", REPORT),
        ("Key Object Selection, *Of Interest*: first, middle and last frame of the stretch",
         "`archive_key_objects`: beside a grade, alert or verdict whose source is a DICOM video", KEY_OBJECTS),
        ("Key Object Selection, *Rejected for Patient Safety Reasons* (IHE IOCM)",
         "`archive_rejects`: beside a report that withdraws", KEY_OBJECTS),
    )  # fmt: skip
    for what, when, sop_class in rows:
        yield f"| {what} | {when} | {SENT[sop_class]} `{sop_class}` |\n"


def _codes() -> Iterator[str]:
    yield "| code | meaning |\n|---|---|\n"
    for one in (GRADE, REASON):
        yield f"| `{one.value}` | {one.meaning}: name of a code |\n"
    for table in (terms.KIND, terms.METHOD, terms.COMPONENT, terms.REASON):
        for code, (display, meaning) in table.words.items():
            yield f"| `{codes.coded(table.url, code).value}` | {display}: {meaning[0].lower()}{meaning[1:]} |\n"
    for name in loader.available():
        table_ = loader.load(name).codes
        grades = ", ".join(f"`{codes.coded(grade.system, grade.code).value}`" for grade in table_.grades.values())
        yield f"| `{codes.coded(table_.system, table_.code).value}` | {table_.display}; grades {grades} |\n"


def _example(facts: Report) -> str:
    video = Evidence(
        "1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.77.1.4.1", "1.2.3.4.5", facts.start_us - 8_000_000, 1500, 25.0, facts.patient.value
    )
    tree = document(facts, Circumstances("archive", "Hospital", "0.1.0", evidence=video))
    return "\n## Example: the content of an alert over a DICOM video\n\n```text\n" + "\n".join(_tree(tree)) + "\n```\n"


def _tree(node: Dataset, depth: int = 0) -> Iterator[str]:
    name = node.ConceptNameCodeSequence[0] if node.get("ConceptNameCodeSequence") else None
    said = f"{name.CodeMeaning} ({_value(name)}, {name.CodingSchemeDesignator})" if name else ""
    link = f"{node.RelationshipType} " if "RelationshipType" in node else ""
    yield f"{'  ' * depth}{link}{node.ValueType} {said}{_said(node)}".rstrip()
    for item in node.get("ContentSequence") or ():
        yield from _tree(item, depth + 1)


def _value(code: Dataset) -> str:
    return str(code.get("CodeValue") or code.get("LongCodeValue"))


def _said(node: Dataset) -> str:
    if node.ValueType == "NUM":
        measured = node.MeasuredValueSequence[0]
        return f" = {measured.NumericValue} {_value(measured.MeasurementUnitsCodeSequence[0])}"
    if node.ValueType == "CODE":
        code = node.ConceptCodeSequence[0]
        return f" = {code.CodeMeaning} ({_value(code)}, {code.CodingSchemeDesignator})"
    if node.ValueType == "TCOORD":
        return f" = {node.TemporalRangeType} {list(map(float, node.ReferencedTimeOffsets))} s"
    if node.ValueType == "IMAGE":
        return f" = {node.ReferencedSOPSequence[0].ReferencedSOPInstanceUID}"
    for keyword in ("TextValue", "DateTime", "UID", "PersonName"):
        if keyword in node:
            return f" = {getattr(node, keyword)}"
    return ""


def _network() -> str:
    classes = ", ".join(f"{name} `{uid}`" for uid, name in SENT.items())
    said = {"context": APPLICATION_CONTEXT, "classes": classes, "pdu": LONGEST, "uid": IMPLEMENTATION_UID, "name": IMPLEMENTATION}
    return _NETWORK.format(**said)


def _answers() -> Iterator[str]:
    yield _ANSWERS
    for row in STATUSES:
        span = f"{row.first:04X}" if row.first == row.last else f"{row.first:04X} to {row.last:04X}"
        then = _OUTCOMES[row.outcome.value] + (f": {row.remedy}" if row.remedy else "")
        then += "; if it goes on for an hour, a dead letter" if row.may_pass else ""
        yield f"| `{span}` | {row.meaning} | {then} |\n"
    yield _WEB.format(held="the target is held: " + "; ".join(f"{status}, {remedy}" for status, remedy in HTTP.items()))


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), "utf-8")
