"""Reports as files, all or none: everything is written under temporary names first and renamed at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from wince.assess.report.batch import index
from wince.assess.report.sections import document
from wince.assess.report.sheet import Sheet
from wince.assess.report.words import stem
from wince.assess.result import ClipResult
from wince.errors import ResourceError
from wince.protocols.rules import ClinicalProtocol
from wince.report.html import html
from wince.report.pdf import pdf
from wince.report.write_whole import unwritable

INDEX = "index.html"


def write(results: Sequence[ClipResult], folder: Path, protocol: ClinicalProtocol, *, sheet: Sheet | None = None) -> list[Path]:
    """Write the reports of `results` into `folder` (made where absent); gives the files, the index first where there is one.

    Per input that did not fail NAME-PROTOCOL-HASH.html and the same as .pdf; `index.html` where there are several inputs, or one
    failed. Reports of the same names are replaced. Equal arguments give equal bytes.

    Raises ResourceError where the folder can't be made or written (full disk, permission); then no file of this call is left
    and reports that were there before are as they were.
    """
    made = _make(folder)
    try:
        work = Path(tempfile.mkdtemp(prefix=".wince-report-", dir=folder))
        try:
            names = _write(results, work, protocol, sheet)
            _move(work, folder, names)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        _unmake(made)
        raise _failed(folder, error) from error
    return [folder / name for name in names]


def _write(results: Sequence[ClipResult], work: Path, protocol: ClinicalProtocol, sheet: Sheet | None) -> list[str]:
    """Everything into `work`; gives the names, the index first."""
    taken: set[str] = set()
    names: list[str] = []
    pages: list[str] = []
    for result in results:
        if result.error:
            pages.append("")
            continue
        base = _name(result, protocol, taken)
        report = document(result, protocol, sheet)
        _put(work / f"{base}.html", html(report).encode())
        _put(work / f"{base}.pdf", pdf(report))
        names += [f"{base}.html", f"{base}.pdf"]
        pages.append(f"{base}.html")
    if len(results) == 1 and not results[0].error:
        return names
    _put(work / INDEX, html(index(results, pages, protocol)).encode())
    return [INDEX, *names]


def _name(result: ClipResult, protocol: ClinicalProtocol, taken: set[str]) -> str:
    """A name that is free in this batch also where file names differ by case only."""
    wanted = "-".join(part for part in (stem(result.path), protocol.name, result.source[:8]) if part)
    name, count = wanted, 1
    while name.casefold() in taken:
        count += 1
        name = f"{wanted}-{count}"
    taken.add(name.casefold())
    return name


def _put(path: Path, data: bytes) -> None:
    """Write and sync: what the disk can't take must show before anything is renamed."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _move(work: Path, folder: Path, names: Sequence[str]) -> None:
    """Rename all into place, the index last; where one fails, those before it are taken back."""
    kept = work / "before"
    kept.mkdir()
    moved: list[str] = []
    try:
        for name in reversed(names):
            if (folder / name).exists():
                os.replace(folder / name, kept / name)
            moved.append(name)
            os.replace(work / name, folder / name)
    except OSError:
        for name in moved:
            (folder / name).unlink(missing_ok=True)
            if (kept / name).exists():
                os.replace(kept / name, folder / name)
        raise


def _make(folder: Path) -> list[Path]:
    """Make the folder; gives the folders that were made, the innermost first."""
    made: list[Path] = []
    try:
        for one in (folder, *folder.parents):
            if one.is_dir():
                break
            made.append(one)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _unmake(made)
        raise _failed(folder, error) from error
    return made


def _unmake(made: Sequence[Path]) -> None:
    for one in made:
        try:
            one.rmdir()
        except OSError:
            return


def _failed(folder: Path, error: OSError) -> ResourceError:
    why = unwritable(error, folder)
    return ResourceError(f"no report was written to {folder}: {why.message}", field="--report", remedy=why.remedy)
