"""The record sheet of an entry: one page as PDF, for a receiver that wants a document beside the results. Equal entries, equal bytes."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from wince.delivery import terms
from wince.domain.entry import Entry, Kind
from wince.hl7.writing import number
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Document, Facts, Headline, Section


def sheet(entry: Entry, protocol: ClinicalProtocol, zone: tzinfo = UTC) -> bytes:
    """The sheet as PDF. It names no patient but by number and visit."""
    from wince.report.pdf import pdf  # brings fonts and fpdf2, which only who renders has

    return pdf(document(entry, protocol, zone))


def document(entry: Entry, protocol: ClinicalProtocol, zone: tzinfo = UTC) -> Document:
    """What the sheet says. `zone`: of its times."""
    own = entry.kind is Kind.VERDICT
    why = terms.REASON.words.get(entry.reason.value, (entry.reason.value,))[0] if entry.reason else "no value"
    big = entry.grade_name or (number(entry.score) if entry.score is not None else "No grade")
    numbers = {"score": entry.score, "median": entry.median, "peak": entry.peak, "share assessable": entry.assessable_share}
    shown = tuple((number(value), name) for name, value in numbers.items() if value is not None)
    kind, meaning = terms.KIND.words[entry.kind.value]
    lead = meaning if entry.grade is not None or entry.score is not None else f"{meaning} {why}."
    facts = [
        ("Patient", entry.patient.value),
        ("Visit", entry.encounter.value),
        ("Bed", entry.bed),
        ("From", _moment(entry.start_us, zone)),
        ("To", _moment(entry.end_us, zone)),
        ("Status", "withdrawn: entered in error" if entry.status == "entered-in-error" else entry.status),
        ("Scale", protocol.scale.name),
        ("Scored by", f"a nurse ({entry.nurse})" if own else "software, from the face on video"),
        ("Confirmed by", "" if own else entry.nurse),
        ("Alerts", str(entry.alerts) if entry.alerts else ""),
        ("Outranked by", entry.outranked),
        ("Models, sha256", entry.model_set),
        ("Rule, sha256", entry.rule),
        ("Entry", f"{entry.id}, revision {entry.revision}"),
    ]
    blocks = (Headline(big, lead, shown), Facts(tuple((name, value) for name, value in facts if value)))
    made = datetime.fromtimestamp(entry.issued_us // 1_000_000, UTC).astimezone(zone)
    label = "Scored by a nurse." if own else protocol.report.label
    return Document(protocol.codes.display, kind, label, (Section("Result", blocks),), made=made)


def _moment(at_us: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(zone):%Y-%m-%d %H:%M:%S %z}"
