"""What a clip's report says, in its order. Every number comes from the result; nothing is computed here but shares of time."""

from __future__ import annotations

from wince.assess.report.faces import key_frame
from wince.assess.report.sheet import Sheet
from wince.assess.report.timeline import timeline
from wince.assess.report.units import units
from wince.assess.report.words import NONE, NOT_MEASURED, REASONS, UNIT_NAMES, file_name, lines, number, share, span
from wince.assess.result import ClipResult, Reading
from wince.domain.estimate import UNITS
from wince.models import lock
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Block, Bullets, Document, Drawing, Facts, Gallery, Headline, Paragraph, Section, Table
from wince.report.figure import clock
from wince.version import VERSION

MOST_ROWS = 60
"""Windows and alerts that a page lists; the rest is counted."""
MOST_PICTURES = 12
_US = 1_000_000


def document(result: ClipResult, protocol: ClinicalProtocol, sheet: Sheet | None = None) -> Document:
    """The report of a clip that did not fail."""
    found = (
        _result(result, protocol),
        _timeline(result, protocol),
        _events(result, protocol),
        _pictures(result, protocol),
        _units(result),
        _reference(result, protocol),
        _windows(result),
        Section(
            "Record sheet",
            (Paragraph("Filled in by a person. A patient's own word or a nurse's score outranks the model's."), (sheet or Sheet()).form()),
        ),
        _protocol(protocol),
        _meaning(protocol),
        _provenance(result, protocol),
    )
    kind = "still image" if result.still else f"video, {span(result.duration_s)}"
    return Document(
        file_name(result.path), f"{lines(protocol.title)} (protocol {protocol.name}), {kind}", lines(protocol.report.label),
        [section for section in found if section is not None],
    )  # fmt: skip


def used(result: ClipResult) -> Reading:
    """The reading that the headline shows: against the calm face that the user gave, where there is one."""
    return result.plain if result.personal is None else result.personal


def why_not(result: ClipResult) -> str:
    """The commonest reasons, with their share of all frames."""
    total = max(len(result.frames), sum(result.reasons.values()))
    order = sorted(result.reasons, key=lambda reason: (-result.reasons[reason], reason))
    return ", ".join(f"{REASONS[reason]} ({share(result.reasons[reason] / total)} of the frames)" for reason in order[:3])


def _result(result: ClipResult, protocol: ClinicalProtocol) -> Section:
    reading = used(result)
    ungraded = f"Not assessable is not the same as no pain. Why frames were left out: {why_not(result) or 'too few frames'}."
    if reading.grade is None:
        return Section("Result", (Headline("not assessable", ungraded, ((share(result.assessable_share), "assessable"),)), *_notes(result)))
    lasted = reading.seconds.get(reading.grade_name)
    way = "" if result.personal is None else " against the calm face that was given"
    lead = (
        f"One picture, graded by its score{way}."
        if result.still or lasted is None
        else f"This grade lasted longest: {span(lasted)} of {span(result.duration_s)}{way}."
    )
    lead += _higher(result, protocol, reading)
    if not result.still:
        lead += f" Left out: {why_not(result)}." if result.reasons else ""
    low, high = f"{protocol.scale.low:g}", f"{protocol.scale.high:g}"
    numbers = [("score" if result.still else "median score", number(reading.median)), ("peak score", number(reading.peak))]
    tiles = [(value, f"{name}, {low} to {high}") for name, value in numbers[: 1 if result.still else 2]]
    tiles += [(share(result.assessable_share), "assessable"), (share(reading.confidence), "model's confidence")]
    if not result.still:
        tiles.append((str(len(result.alerts)), "alert" if len(result.alerts) == 1 else "alerts"))
    return Section("Result", (Headline(lines(reading.grade_name), lead, tuple(tiles)), *_notes(result)))


def _higher(result: ClipResult, protocol: ClinicalProtocol, reading: Reading) -> str:
    """What the longest-lasting grade hides: higher grades that held for less time, and alerts."""
    above = [band.name for band in protocol.scale.grades[(reading.grade or 0) + 1 :] if reading.seconds.get(band.name)]
    said = (
        f" Higher grades held for less time: {', '.join(f'{lines(name)} {span(reading.seconds[name])}' for name in reversed(above))}."
        if above
        else ""
    )
    times = ", ".join(clock(alert.start_us / _US, result.duration_s) for alert in result.alerts[:3])
    more = f" and {len(result.alerts) - 3} more" if len(result.alerts) > 3 else ""
    return f"{said} Alert at {times}{more}." if result.alerts else said


def _notes(result: ClipResult) -> tuple[Block, ...]:
    notes = [lines(note) for note in result.notes]
    if result.faces > 1:
        notes.append(f"Up to {result.faces} faces were seen in one frame; none is chosen silently.")
    return (Bullets(tuple(f"Note: {note}" for note in notes)),) if notes else ()


def _timeline(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    if result.still or not result.frames or result.duration_s <= 0:
        return None
    hold = protocol.grade.debounce_frames
    caption = (
        f"Score of each sampled frame, and the grade of that score alone; in windows of {protocol.window.length_s:g} s a grade counts "
        f"once {hold} frames agree. Hatched: not assessable, for the reason named in its row."
        " Thin line: measured, but the number is not believed. Triangle and bar: alert."
    )
    lasted = used(result).seconds
    names = [band.name for band in reversed(protocol.scale.grades)] if lasted else []
    rows = tuple((lines(name), span(lasted.get(name, 0.0)), share(lasted.get(name, 0.0) / result.duration_s)) for name in names)
    frames = max(len(result.frames), sum(result.reasons.values()), round(result.duration_s * protocol.detect.rate_hz))
    lost = tuple(
        (REASONS[reason], f"{count} frames", share(count / frames))
        for reason, count in sorted(result.reasons.items(), key=lambda item: -item[1])
    )
    held = Table(
        "How long each grade held, and what was left out", ("grade or reason", "how long", "share of the clip"), rows + lost, (4, 3, 3)
    )
    return Section("Timeline", (Drawing(timeline(result, protocol.scale), caption), held))


def _events(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    if result.still:
        return None
    rule = protocol.grade.alert
    said = Paragraph(
        f"Alert rule: grade {lines(rule.grade)} or higher holds for {rule.stable_s:g} s."
        + (" It is raised once, when the window in which that was seen closes, and ends with it here; the grade may go on."
           if result.alerts else "")
    )  # fmt: skip
    total = result.duration_s
    rows = [
        ("alert", clock(a.start_us / _US, total), clock(a.end_us / _US, total), f"{lines(a.grade_name)}, peak {number(a.peak)}")
        for a in result.alerts
    ]
    rows += [
        ("question to a nurse", clock(q.start_us / _US, total), clock(q.end_us / _US, total), REASONS[q.reason]) for q in result.questions
    ]
    if not rows:
        return Section("Alerts and questions", (said, Paragraph("No alert, no question to a nurse.")))
    return Section("Alerts and questions", (said, *_limited(Table("", ("what", "from", "to", "why"), tuple(rows), (3, 2, 2, 5)))))


def _limited(table: Table) -> tuple[Block, ...]:
    if len(table.rows) <= MOST_ROWS:
        return (table,)
    more = f"{len(table.rows) - MOST_ROWS} more rows are left out here; the JSON of the same run holds them all."
    return (Table(table.caption, table.header, table.rows[:MOST_ROWS], table.widths), Paragraph(more))


def _pictures(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    if not result.key_frames:
        return None
    shown = result.key_frames[:MOST_PICTURES]
    figures = tuple(key_frame(frame, lines(protocol.scale.name_of(frame.grade))) for frame in shown)
    said = (
        "The picture with the landmarks that were found."
        if result.still
        else ("Moments at which the picture changed most (local maxima of the inter-frame difference in CIELUV) or the score was highest.")
    )
    if len(shown) < len(result.key_frames):
        said += f" The first {len(shown)} of {len(result.key_frames)}."
    return Section("Key frames", (Paragraph(said), Gallery(figures)))


def _units(result: ClipResult) -> Section | None:
    good = [frame for frame in result.frames if frame.assessable]
    if not good:
        return None
    if result.still:
        values = good[0].units
        facts = tuple(
            (f"{au} {name}", number(value) if value is not None else NOT_MEASURED)
            for (au, name), value in zip(UNIT_NAMES, values, strict=False)
        )
        return Section("Action units", (Facts(facts),))
    known = [any(i < len(frame.units) and frame.units[i] is not None for frame in good) for i in range(len(UNITS))]
    missing = ", ".join(au for (au, _), there in zip(UNIT_NAMES, known, strict=True) if not there)
    caption = (
        "Intensity 0 to 5, eyes closed 0 to 1, estimated by the model and not coded by an expert. Hatched: not assessable or not measured."
    )
    caption += f" Not measured, which is not 0: {missing}." if missing else ""
    return Section("Action units over time", (Drawing(units(result), caption),))


def _reference(result: ClipResult, protocol: ClinicalProtocol) -> Section | None:
    if result.personal is None:
        return None
    ways = (("without", result.plain), ("with the calm face that was given", result.personal))
    held = [band.name for band in protocol.scale.grades]
    rows = tuple(
        (
            name, lines(way.grade_name) or "not assessable", number(way.median), number(way.peak), share(way.confidence),
            ", ".join(f"{lines(grade)} {span(way.seconds[grade])}" for grade in held if grade in way.seconds) or NONE,
        )
        for name, way in ways
    )  # fmt: skip
    table = Table(
        "Result without and with the reference",
        ("reference", "grade", "median", "peak", "confidence", "how long"),
        rows,
        (5, 3, 2, 2, 3, 5),
    )
    return Section("With and without reference", (table,))


def _windows(result: ClipResult) -> Section | None:
    if result.still or not result.assessments:
        return None
    total = result.duration_s
    rows = tuple(
        (
            f"{clock(one.start_us / _US, total)} to {clock(one.end_us / _US, total)}",
            lines(one.grade_name) if one.grade is not None else NONE,
            number(one.median), number(one.peak), share(one.assessable_share), share(one.confidence),
            REASONS[one.reason] if one.reason is not None else "",
        )
        for one in result.assessments
    )  # fmt: skip
    header = ("window", "grade", "median", "peak", "assessable", "confidence", "why no grade")
    return Section("Windows", _limited(Table("", header, rows, (5, 3, 2, 2, 3, 3, 4))))


def _protocol(protocol: ClinicalProtocol) -> Section:
    people = protocol.population
    ages = [f"from {people.min_age}" if people.min_age else "", f"below {people.max_age}" if people.max_age else ""]
    grades = "; ".join(f"{lines(band.name)} from {band.min:g}" for band in protocol.scale.grades)
    facts = (
        ("Protocol", f"{protocol.name}, version {lines(protocol.version)}: {lines(protocol.title)}"),
        ("Scale", f"{lines(protocol.scale.name)}: {grades}"),
        ("Source of the scale", lines(protocol.scale.source)),
        (
            "Population",
            lines(", ".join(part for part in (people.name, *ages) if part)) + ("" if people.state == "any" else f", {people.state}"),
        ),
        ("Includes", lines("; ".join(people.inclusions)) or NONE),
        ("Excludes", lines("; ".join(people.exclusions)) or NONE),
    )
    return Section(
        "Protocol and population",
        (Facts(facts), Paragraph("Whether the person shown belongs to this population is not checked here: a clip carries no age.")),
    )


def _meaning(protocol: ClinicalProtocol) -> Section:
    said = [
        f"Label of every number here: {lines(protocol.report.label)}.",
        "The score describes what a face shows, not what a person feels. A still face may be in pain.",
        "Not assessable is a result with a reason. It is never the lowest grade.",
        "The confidence comes from the scorer's own validation set and says nothing about patients.",
    ]
    said += [f"Published: {lines(text)}." for text in protocol.report.published]
    said += [f"Ours: {lines(text)}." for text in protocol.report.ours]
    return Section("What the numbers mean and what they don't", (Bullets(tuple(said)),))


def _provenance(result: ClipResult, protocol: ClinicalProtocol) -> Section:
    known = lock.load()
    models = ", ".join(f"{name} {known[name].sha256[:16] if name in known else ''}".strip() for name in protocol.estimate.models)
    facts = (
        ("File", file_name(result.path)),
        ("SHA-256 of the file", result.source or NONE),
        ("Scorer", f"{protocol.estimate.scorer}, Wince {VERSION}"),
        ("Models (SHA-256 begins)", models or NONE),
        ("Model set (SHA-256)", result.model_set or NONE),
        ("Rules (SHA-256)", result.rule or NONE),
        ("Frames sampled", f"{len(result.frames)}, of which {sum(frame.assessable for frame in result.frames)} assessable"),
    )
    return Section("Models and hashes", (Facts(facts),))
