"""How a clip went: its timeline, how long each grade held, alerts and questions, and the windows of the protocol."""

from __future__ import annotations

from wince.assess.report.timeline import narrow, timeline
from wince.assess.report.windows import shown_grade
from wince.assess.result import ClipResult
from wince.assess.result.words import NONE, NOT_MEASURED, REASONS, UNIT_NAMES, lines, number, share, span
from wince.domain.estimate import UNITS
from wince.domain.frame import US
from wince.domain.window_label import window_label
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Block, Cell, Drawing, Facts, Paragraph, Section, Table
from wince.report.figure import clock
from wince.report.grades import badge

MOST_ROWS = 60
"""Windows and alerts that a page lists; the rest is counted."""


def course(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    """Score, grades, windows and units on one axis, and how long each grade held."""
    if result.still or not result.frames or result.duration_s <= 0:
        return None
    hold = protocol.grade.debounce_frames
    caption = (
        f"Score of each sampled frame, and the grade of that score alone; in windows of {protocol.window.length_s:g} s a grade counts "
        f"once {hold} frames agree. Each grade has its own mark; a higher grade is a higher bar in the row of windows. Hatched: not "
        "assessable or not measured. Thin line: measured, but the number is not believed. Triangle, bar and tinted stretch: alert; "
        "its windows are outlined and carry its grade. " + _units_said(result)
    )
    return Section(
        "Timeline", (Drawing(timeline(result, protocol.scale), caption, narrow(result, protocol.scale)), _held(result, protocol))
    )


def _units_said(result: ClipResult) -> str:
    good = [frame for frame in result.frames if frame.assessable]
    known = [any(i < len(frame.units) and frame.units[i] is not None for frame in good) for i in range(len(UNITS))]
    missing = ", ".join(au for (au, _), there in zip(UNIT_NAMES, known, strict=True) if not there)
    said = "Action units: intensity 0 to 5, eyes closed 0 to 1, estimated by the model and not coded by an expert."
    return said + (f" Not measured, which is not 0: {missing}." if missing else "")


def still_units(result: ClipResult) -> Section | None:
    """The units of a picture."""
    good = [frame for frame in result.frames if frame.assessable]
    if not result.still or not good:
        return None
    values = zip(UNIT_NAMES, good[0].units, strict=False)
    return Section(
        "Action units",
        (Facts(tuple((f"{au} {name}", number(value) if value is not None else NOT_MEASURED) for (au, name), value in values)),),
    )


def _held(result: ClipResult, protocol: ClinicalProtocol) -> Table:
    lasted, bands = result.reading.seconds, protocol.scale.grades
    rows = [
        (
            Cell(lines(band.name), badge=badge(grade, len(bands))), span(lasted.get(band.name, 0.0)),
            share(lasted.get(band.name, 0.0) / result.duration_s),
        )
        for grade, band in reversed(list(enumerate(bands)))
        if lasted
    ]  # fmt: skip
    frames = max(len(result.frames), sum(result.reasons.values()), round(result.duration_s * protocol.detect.rate_hz))
    lost = [
        (Cell(REASONS[reason]), f"{count} frames", share(count / frames))
        for reason, count in sorted(result.reasons.items(), key=lambda item: -item[1])
    ]
    header = ("grade or reason", "how long", "share of the clip")
    return Table("How long each grade held, and what was left out", header, (*rows, *lost), (4, 3, 3))


def events(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    """Alerts and questions to a nurse."""
    if result.still:
        return None
    rule, total, many = protocol.grade.alert, result.duration_s, len(protocol.scale.grades)
    said = f"Alert rule: grade {lines(rule.grade)} or higher holds for {rule.stable_s:g} s."
    if result.alerts:
        said += " It is raised once, when the window in which that was seen closes, and ends with it here; the grade may go on."
    rows: list[tuple[Cell | str, ...]] = [
        (
            "alert", clock(a.start_us / US, total), clock(a.end_us / US, total),
            Cell(f"{lines(a.grade_name)}, peak {number(a.peak)}", badge=badge(a.grade, many)),
        )
        for a in result.alerts
    ]  # fmt: skip
    rows += [
        ("question to a nurse", clock(q.start_us / US, total), clock(q.end_us / US, total), REASONS[q.reason]) for q in result.questions
    ]
    if not rows:
        return Section("Alerts and questions", (Paragraph(said), Paragraph("No alert, no question to a nurse.")))
    return Section(
        "Alerts and questions", (Paragraph(said), *_limited(Table("", ("what", "from", "to", "why"), tuple(rows), (3, 2, 2, 5))))
    )


def windows(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    """The windows of the protocol, a row each; an alert in one comes before its grade."""
    if result.still or not result.assessments:
        return None
    total, many = result.duration_s, len(protocol.scale.grades)
    rows: list[tuple[Cell | str, ...]] = []
    for one in result.assessments:
        grade = shown_grade(one, result.alerts)
        name = NONE if grade is None else lines(window_label(one, result.alerts))
        rows.append((
            f"{clock(one.start_us / US, total)} to {clock(one.end_us / US, total)}",
            Cell(name, badge=None if grade is None else badge(grade, many)),
            number(one.median), number(one.peak), share(one.assessable_share), share(one.confidence if grade == one.grade else None),
            REASONS[one.reason] if one.reason is not None else "",
        ))  # fmt: skip
    header = ("window", "grade", "median", "peak", "assessable", "confidence", "why no grade")
    said = Paragraph(
        "The grade of a window is the one that held longest in it, and its confidence is that window's. An alert in a window stands before "
        "the grade; where it stands for another grade there is no confidence."
    )
    return Section("Windows", (said, *_limited(Table("", header, tuple(rows), (4.6, 5, 2.3, 2, 3.2, 3.2, 3.7)))))


def _limited(table: Table) -> tuple[Block, ...]:
    if len(table.rows) <= MOST_ROWS:
        return (table,)
    more = f"{len(table.rows) - MOST_ROWS} more rows are left out here; the JSON of the same run holds them all."
    return (Table(table.caption, table.header, table.rows[:MOST_ROWS], table.widths), Paragraph(more))
