"""What lies on the shelf too long: halves of objects, files without a row, and what is to be deleted."""

from __future__ import annotations

import time
from pathlib import Path

from wince.clock import Clock, wall_us
from wince.dicom.spool import INCOMING
from wince.pipeline.capture.studies.interface import Shelf
from wince.store import studies
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

HOUR_US = 3_600_000_000
OLD_S = 900.0
"""A file without a row is nobody's after this time: whoever took it in would have committed long before."""


def begin(shelf: Shelf) -> None:
    """Delete what a process that is gone left half received. Call it before anything is received."""
    for path in shelf.folder.glob(f"*{INCOMING}"):
        path.unlink(missing_ok=True)


def tidy(database: Database, shelf: Shelf, keep_h: float, held_days: int, clock: Clock = wall_us) -> int:
    """Delete the files of objects whose time is over, and files that are nobody's; how many objects were deleted."""
    now_us = clock()
    count = 0
    while True:
        with database.transaction() as tx:
            due = studies.to_delete(tx, shelf.place, now_us - round(keep_h * HOUR_US), now_us - held_days * 24 * HOUR_US)
            if due:
                database.settle(tx)
            for study in due:  # the file first: a row that says deleted while the file is there would keep it for ever
                shelf.file(study.instance).unlink(missing_ok=True)
            for study in due:  # all files first: from the first of these on every writer waits for us, at the trail
                studies.deleted(tx, study, now_us)
        count += len(due)
        if not due:
            break
    _sweep(database, shelf)
    return count


def _sweep(database: Database, shelf: Shelf) -> None:
    old = [path for path in shelf.folder.glob("*.dcm") if _old(path)]
    if not old:
        return
    with database.transaction() as tx:
        wanted = studies.files(tx, shelf.place)
    for path in old:
        if path.stem in wanted:
            continue
        with shelf.moving:
            if _old(path):  # the object may have come again since
                path.unlink(missing_ok=True)
                log.warning("a file without a row was deleted", file=path.name)


def _old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > OLD_S
    except OSError:
        return False
