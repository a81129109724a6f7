"""What a clip's report says, in its order. Every number comes from the result; nothing is computed here but shares of time."""

from __future__ import annotations

from datetime import datetime

from wince.assess.report.course import course, events, still_units, windows
from wince.assess.report.faces import key_frame
from wince.assess.report.outcome import outcome
from wince.assess.report.sheet import Sheet
from wince.assess.result import ClipResult
from wince.assess.result.words import NONE, file_name, lines, number, share, span
from wince.models import lock
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Bullets, Document, Facts, Gallery, Paragraph, Section, Table
from wince.version import VERSION

MOST_PICTURES = 12


def document(result: ClipResult, protocol: ClinicalProtocol, sheet: Sheet | None = None, made: datetime | None = None) -> Document:
    """The report of a clip that did not fail. `made`: the date that it bears, with its time zone; None: none."""
    found = (
        outcome(result, protocol),
        course(result, protocol),
        events(result, protocol),
        _pictures(result, protocol),
        still_units(result),
        _reference(result, protocol),
        windows(result, protocol),
        _sheet(sheet or Sheet()),
        _protocol(protocol),
        _meaning(protocol),
        _provenance(result, protocol),
    )
    kind = "still image" if result.still else f"video, {span(result.duration_s)}"
    return Document(
        file_name(result.path), f"{lines(protocol.title)} (protocol {protocol.name}), {kind}", lines(protocol.report.label),
        [section for section in found if section is not None], intro(f"this {'picture' if result.still else 'video'}"), made,
    )  # fmt: skip


def intro(what: str) -> str:
    """What a reader has before them, in words. `what` was assessed: "this video"."""
    return (
        f"This report shows what a computer model made of the faces in {what}. It is for research and is not validated: nobody has shown "
        "that its numbers measure pain in patients. Don't treat anybody by it; a patient's own word and a nurse's judgement come first."
    )


def _sheet(sheet: Sheet) -> Section:
    said = "Filled in by a person, by hand or here before printing. A patient's own word or a nurse's score outranks the model's."
    return Section("Record sheet", (Paragraph(said), sheet.form()), aside=True)


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
        ("reference", "longest (PEEA)", "median", "peak", "confidence in it", "how long each held"),
        rows,
        (5, 3, 2, 2, 3, 5),
    )
    return Section("With and without reference", (table,))


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
    said = Paragraph("Whether the person shown belongs to this population is not checked here: a clip carries no age.")
    return Section("Protocol and population", (Facts(facts), said), aside=True)


def _meaning(protocol: ClinicalProtocol) -> Section:
    said = [
        f"Label of every number here: {lines(protocol.report.label)}.",
        "The score describes what a face shows, not what a person feels. A still face may be in pain.",
        "Not assessable is a result with a reason. It is never the lowest grade.",
        "The confidence comes from the scorer's own validation set and says nothing about patients.",
    ]
    said += [f"Published: {lines(text)}." for text in protocol.report.published]
    said += [f"Ours: {lines(text)}." for text in protocol.report.ours]
    return Section("What the numbers mean and what they don't", (Bullets(tuple(said)),), aside=True)


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
    return Section("Models and hashes", (Facts(facts),), aside=True)
