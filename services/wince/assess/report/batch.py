"""What the index of a batch says: one row per input, failed ones with their reason."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from wince.assess.report.sections import used, why_not
from wince.assess.report.words import NONE, lines, number, plain, share, span
from wince.assess.result import ClipResult
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Block, Document, Paragraph, Section, Table


def index(results: Sequence[ClipResult], names: Sequence[str], protocol: ClinicalProtocol) -> Document:
    """The index. `names`: per result the file name of its HTML report; empty where it failed."""
    failed = sum(bool(result.error) for result in results)
    ungraded = sum(not result.error and used(result).grade is None for result in results)
    said = f"{len(results)} inputs: {len(results) - failed - ungraded} graded, {ungraded} not assessable, {failed} failed."
    base = _base(results)
    header = ("input", "grade", "how long", "peak", "assessable", "alerts", "remarks")
    good = [result for result in results if not result.error]
    common = [note for note in (good[0].notes if good else ()) if all(note in result.notes for result in good)]
    rows = tuple(_row(result, base, common) for result in results)
    every = [Paragraph(f"Of every input: {lines(note)}.") for note in common]
    blocks: list[Block] = [Paragraph(said), *every, Table("One row per input", header, rows, (7, 3.6, 2.6, 2, 3.6, 2.2, 7), tuple(names))]
    title = f"{lines(protocol.title)} (protocol {protocol.name})"
    return Document("Wince: batch report", title, lines(protocol.report.label), [Section("Inputs", tuple(blocks))])


def _base(results: Sequence[ClipResult]) -> Path | None:
    """The folder that holds all inputs; None where that is the root of a disk, or there is none."""
    try:
        found = Path(os.path.commonpath([os.path.abspath(result.path.parent) for result in results]))
    except ValueError:
        return None
    return found if found != Path(found.anchor) else None


def _row(result: ClipResult, base: Path | None, common: Sequence[str]) -> tuple[str, ...]:
    path = Path(os.path.abspath(result.path))
    name = plain(str(path.relative_to(base)) if base is not None and path.is_relative_to(base) else str(path))
    if result.error:
        return (name, "failed", NONE, NONE, NONE, NONE, lines(result.error))
    reading = used(result)
    lasted = reading.seconds.get(reading.grade_name) if reading.grade is not None else None
    notes = [lines(note) for note in result.notes if note not in common]
    remarks = [why_not(result), *notes, f"{result.faces} faces" if result.faces > 1 else ""]
    return (
        name, lines(reading.grade_name) or "not assessable", NONE if lasted is None else span(lasted), number(reading.peak),
        share(result.assessable_share), NONE if result.still else str(len(result.alerts)), "; ".join(part for part in remarks if part),
    )  # fmt: skip
