"""What the index of a batch says: one row per input, failed ones with their reason."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from wince.assess.report.outcome import longest, notes, why_not
from wince.assess.report.sections import intro
from wince.assess.report.spark import spark, thumb
from wince.assess.result import ClipResult, Held
from wince.assess.result.words import NONE, lines, number, plain, share, without_folders
from wince.protocols.rules import ClinicalProtocol
from wince.report.document import Block, Cell, Document, Paragraph, Section, Table
from wince.report.grades import badge

_COLUMNS = (
    ("input", 7.5), ("score", 4.0), ("alerts", 2.1), ("highest grade", 4.2), ("longest (PEEA)", 4.2), ("peak", 1.7), ("assessable", 3.6),
    ("remarks", 6.6),
)  # fmt: skip
"""Name and relative width of each."""


def index(results: Iterable[ClipResult], names: Sequence[str], protocol: ClinicalProtocol, made: datetime | None = None) -> Document:
    """The index. `names`: per result the file name of its HTML report; empty where it failed."""
    every = list(results)
    failed = sum(bool(result.error) for result in every)
    ungraded = sum(not result.error and result.headline.highest is None for result in every)
    alerted = sum(bool(result.alerts) for result in every)
    said = (
        f"{len(every)} inputs: {len(every) - failed - ungraded} graded, {ungraded} not assessable, {failed} failed. "
        f"{alerted} with an alert."
    )
    good = [result for result in every if not result.error]
    common = [note for note in (notes(good[0]) if good else ()) if all(note in notes(result) for result in good)]
    shown = input_names([result.path for result in every])
    rows = tuple(_row(result, name, page, common, protocol) for result, name, page in zip(every, shown, names, strict=True))
    table = Table("One row per input", tuple(name for name, _ in _COLUMNS), rows, tuple(width for _, width in _COLUMNS), sortable=True)
    blocks: list[Block] = [Paragraph(said), *(Paragraph(f"Of every input: {note}.") for note in common), table]
    title = f"{lines(protocol.title)} (protocol {protocol.name})"
    sections = [Section("Inputs", tuple(blocks))]
    return Document("Wince: batch report", title, lines(protocol.report.label), sections, intro("these videos and pictures"), made)


def input_names(paths: Sequence[Path]) -> list[str]:
    """How inputs are named: below the folder that holds them all, else by as few of their folders as tell them apart; never from the root.

    >>> input_names([Path("/data/ward/a/x.mp4"), Path("/data/ward/b/x.mp4")]), input_names([Path("/a/x.mp4"), Path("/b/x.mp4")])
    (['a/x.mp4', 'b/x.mp4'], ['a/x.mp4', 'b/x.mp4'])
    """
    whole = [Path(os.path.abspath(path)) for path in paths]
    try:
        base = Path(os.path.commonpath([path.parent for path in whole]))
    except ValueError:
        base = None
    if base is not None and base != Path(base.anchor):
        return [plain(str(path.relative_to(base))) for path in whole]
    parts = [path.parts[1:] for path in whole]
    deepest = max((len(part) for part in parts), default=1)
    for depth in range(1, deepest + 1):
        counts = Counter(part[-depth:] for part in set(parts))
        if all(count == 1 for count in counts.values()):
            break
    return [plain(os.path.join(*part[-depth:])) for part in parts]


def _row(result: ClipResult, name: str, page: str, common: Sequence[str], protocol: ClinicalProtocol) -> tuple[Cell | str, ...]:
    if result.error:
        why = without_folders(lines(result.error), result.path)
        return (name, NONE, NONE, Cell("failed"), NONE, NONE, NONE, why)
    first, many = result.headline, len(protocol.scale.grades)
    remarks = [
        why_not(result),
        *(note for note in notes(result) if note not in common),
        f"{result.faces} faces" if result.faces > 1 else "",
    ]
    drawn = spark(result, protocol.scale)
    return (
        Cell(name, link=page, thumb=thumb(result)),
        Cell("" if drawn is not None else NONE, figure=drawn, rank=result.reading.median),
        NONE if result.still else Cell(str(len(result.alerts)), rank=len(result.alerts)),
        _grade(first.highest, many), _grade(first.longest, many), Cell(number(result.reading.peak), rank=result.reading.peak),
        Cell(share(result.assessable_share), rank=result.assessable_share), "; ".join(part for part in remarks if part),
    )  # fmt: skip


def _grade(grade: Held | None, many: int) -> Cell:
    """A grade with its mark; sorted by grade, and within a grade by how long it held."""
    if grade is None:
        return Cell(longest(None))
    return Cell(longest(grade), badge=badge(grade.grade, many), rank=grade.grade * 1e6 + (grade.seconds or 0.0))
