"""The files of a report: per input one page of HTML and the same as PDF, and an index of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from wince.assess.report.batch import index
from wince.assess.report.sections import document
from wince.assess.report.sheet import Sheet
from wince.assess.result import ClipResult
from wince.assess.result.words import stem
from wince.protocols.rules import ClinicalProtocol
from wince.report.html import html
from wince.report.pdf import pdf
from wince.report.write_all import Put, write_all

INDEX = "index"


def write(
    results: Sequence[ClipResult],
    folder: Path,
    protocol: ClinicalProtocol,
    *,
    sheet: Sheet | None = None,
    made: datetime | None = None,
) -> list[Path]:
    """Write the reports of `results` into `folder` (made where absent); gives the files, the index first where there is one.

    Per input that did not fail NAME-PROTOCOL-HASH.html and the same as .pdf; `index.html` and `index.pdf` where there are several inputs,
    or one failed. Reports of the same names are replaced. One report is in memory at a time. `made`: the date that they bear, with its
    time zone; None: now. Equal arguments with a date give equal bytes.

    Raises ResourceError where the folder can't be made or written (full disk, permission); then no file of this call is left
    and reports that were there before are as they were.
    """
    with write_all(folder, field="--report") as put:
        names = _write(results, put, protocol, sheet, made or datetime.now().astimezone())
    return [folder / name for name in names]


def _write(results: Sequence[ClipResult], put: Put, protocol: ClinicalProtocol, sheet: Sheet | None, made: datetime) -> list[str]:
    """Put every file; gives the names, the index first."""
    taken: set[str] = set()
    names: list[str] = []
    pages: list[str] = []
    for result in results:
        if result.error:
            pages.append("")
            continue
        base = _name(result, protocol, taken)
        report = document(result, protocol, sheet, made)
        put(f"{base}.html", html(report).encode())
        put(f"{base}.pdf", pdf(report))
        names += [f"{base}.html", f"{base}.pdf"]
        pages.append(f"{base}.html")
    if len(results) == 1 and not results[0].error:
        return names
    listed = index(results, pages, protocol, made)
    put(f"{INDEX}.pdf", pdf(listed))
    put(f"{INDEX}.html", html(listed).encode())
    return [f"{INDEX}.html", f"{INDEX}.pdf", *names]


def _name(result: ClipResult, protocol: ClinicalProtocol, taken: set[str]) -> str:
    """A name that is free in this batch also where file names differ by case only."""
    wanted = "-".join(part for part in (stem(result.path), protocol.name, result.source[:8]) if part)
    name, count = wanted, 1
    while name.casefold() in taken:
        count += 1
        name = f"{wanted}-{count}"
    taken.add(name.casefold())
    return name
