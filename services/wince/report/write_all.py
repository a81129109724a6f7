"""Files of one report, all or none: everything is written under temporary names first and renamed at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from wince.errors import ResourceError
from wince.report.write_whole import unwritable

Put = Callable[[str, bytes], None]
"""Takes a file's name and content. Each name once."""


@contextmanager
def write_all(folder: Path, *, field: str) -> Iterator[Put]:
    """What is put while the context lasts stands in `folder` (made where absent) once it ends, in that order: put an index last.

    Files of the same names are replaced. Where the context is left by an error, no file of it is left, and those that were there
    before are as they were. Raises ResourceError, which names `field`, where the folder can't be made or written.
    """
    made: list[Path] = []
    names: list[str] = []
    try:
        made += _make(folder)
        work = Path(tempfile.mkdtemp(prefix=".wince-report-", dir=folder))
        try:

            def put(name: str, content: bytes) -> None:
                _put(work / name, content)
                names.append(name)

            yield put
            _move(work, folder, names)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except BaseException as error:
        _unmake(made)
        if isinstance(error, OSError):
            why = unwritable(error, folder)
            raise ResourceError(f"no report was written to {folder}: {why.message}", field=field, remedy=why.remedy) from error
        raise


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """A folder while the context lasts; what of its path was made for that is taken away again, unless something lies in it by then.

    Raises OSError where it can't be made.
    """
    made = _make(folder)
    try:
        yield
    finally:
        _unmake(made)


def _put(path: Path, content: bytes) -> None:
    """Write and sync: what the disk can't take must show before anything is renamed."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(work: Path, folder: Path, names: Sequence[str]) -> None:
    """Rename all into place; where one fails, those before it are taken back."""
    kept = work / "before"
    kept.mkdir()
    moved: list[str] = []
    try:
        for name in names:
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
        for level in (folder, *folder.parents):
            if level.is_dir():
                break
            made.append(level)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        _unmake(made)
        raise
    return made


def _unmake(made: Sequence[Path]) -> None:
    for level in made:
        try:
            level.rmdir()
        except OSError:
            return
