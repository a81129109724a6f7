"""The report of a bed or an encounter: what stands in the record, for a person to read or print. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from wince.domain.acknowledgement import Acknowledgement
from wince.domain.assessment import Alert
from wince.domain.entry import Entry
from wince.report.document import Document, Facts, Paragraph, Section, Table
from wince.version import VERSION

INTRO = (
    "This report shows what stands in Wince's record. What a computer model made of a face is for research and is not validated: a "
    "patient's own word and a nurse's judgement come first. Times are UTC."
)


@dataclass(frozen=True, slots=True)
class Held:
    """How long windows said one thing under one protocol."""

    protocol: str
    said: str
    """The grade's name, or why there is none."""
    windows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a report is made of."""

    subject: str
    """Such as "Bed ICU^1^A" or "Encounter 4711"."""
    held: Sequence[Held]
    entries: Sequence[Entry]
    alerts: Sequence[Alert]
    seen: Mapping[UUID, Acknowledgement]
    labels: Sequence[str]
    """What stands beside every number, of the protocols that graded."""


def document(found: Found, made_us: int) -> Document:
    """The report, with the moment (microseconds UTC) at which it was made."""
    label = "; ".join(dict.fromkeys(found.labels)) or "For research use"
    sections = (_outcome(found), _entries(found.entries), _alerts(found), _provenance(found.entries))
    made = datetime.fromtimestamp(made_us / 1e6, UTC)
    return Document(found.subject, "What stands in the record", label, [one for one in sections if one is not None], INTRO, made)


def _outcome(found: Found) -> Section:
    if not found.held:
        return Section("How long each grade held", (Paragraph("No window of this time is in the record."),))
    rows = tuple((one.protocol, one.said, str(one.windows), _span(one.seconds)) for one in found.held)
    return Section("How long each grade held", (Table("", ("protocol", "grade, or why none", "windows", "time"), rows, (3, 4, 2, 2)),))


def _entries(entries: Sequence[Entry]) -> Section:
    if not entries:
        return Section("What was charted", (Paragraph("Nothing was charted in this time."),))
    rows = tuple(
        (
            _moment(one.start_us), str(one.kind), one.grade_name or (str(one.reason) if one.reason else "-"), _number(one.score),
            one.status, one.bed, one.nurse or "model",
        )
        for one in entries
    )  # fmt: skip
    header = ("from", "kind", "grade, or why none", "value", "status", "bed", "by")
    return Section("What was charted", (Table("", header, rows, (4, 3, 3, 2, 3, 3, 2)),))


def _alerts(found: Found) -> Section | None:
    if not found.alerts:
        return None
    rows = []
    for one in found.alerts:
        seen = found.seen.get(one.id)
        who = "nobody yet" if seen is None else f"{seen.nurse}, {_moment(seen.at_us)}"
        rows.append((_moment(one.start_us), one.grade_name, _number(one.peak), who))
    return Section("Alerts", (Table("", ("from", "grade", "peak", "seen by"), tuple(rows), (4, 3, 2, 5)),))


def _provenance(entries: Sequence[Entry]) -> Section:
    patients = sorted({one.patient.value for one in entries})
    encounters = sorted({one.encounter.value for one in entries})
    sets = sorted({one.model_set for one in entries if one.model_set})
    rules = sorted({one.rule for one in entries if one.rule})
    facts = (
        ("Patient", ", ".join(patients) or "-"),
        ("Encounter", ", ".join(encounters) or "-"),
        ("Model sets (SHA-256)", ", ".join(sets) or "-"),
        ("Rules (SHA-256)", ", ".join(rules) or "-"),
        ("Software", f"Wince {VERSION}"),
    )
    return Section("Whose, and by what", (Facts(facts),), aside=True)


def _moment(at_us: int) -> str:
    """To the second.

    >>> _moment(0)
    '1970-01-01 00:00:00'
    """
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _span(seconds: float) -> str:
    """Hours, minutes and seconds.

    >>> _span(3725)
    '1:02:05'
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
