"""What second places say, and what this installation knows that they kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wince.anchors.interface import Place
from wince.domain.audit import Checkpoint, Witness
from wince.errors import IntegrityError, WinceError
from wince.store.database import Database, Tx


@dataclass(frozen=True, slots=True)
class Sent:
    """How it stands with a place."""

    place: str
    seq: int
    """Row of the last checkpoint that it keeps; 0: none."""
    at_us: int
    """When it took that; 0: never."""
    failed_us: int | None
    """Since when nothing could be sent; None: it can."""
    error: str
    """Why not, without a secret."""


def sent(tx: Tx) -> list[Sent]:
    """Of every place that was ever set."""
    return [Sent(*row) for row in tx.execute("SELECT place, seq, at_us, failed_us, error FROM anchor ORDER BY place").fetchall()]


def took(tx: Tx, place: str, point: Checkpoint | None, at_us: int) -> None:
    """A place keeps a checkpoint; None: it answered, and there was nothing to send."""
    tx.execute(
        "INSERT INTO anchor(place, seq, at_us, failed_us, error) VALUES (%s, %s, %s, NULL, '') ON CONFLICT (place) DO UPDATE SET"
        " seq = greatest(anchor.seq, excluded.seq), at_us = greatest(anchor.at_us, excluded.at_us), failed_us = NULL, error = ''",
        (place, point.seq if point else 0, at_us if point else 0),
    )


def failed(tx: Tx, place: str, error: WinceError, at_us: int) -> None:
    """Nothing can be sent to a place."""
    tx.execute(
        "INSERT INTO anchor(place, seq, at_us, failed_us, error) VALUES (%s, 0, 0, %s, %s) ON CONFLICT (place) DO UPDATE SET"
        " failed_us = coalesce(anchor.failed_us, excluded.failed_us), error = excluded.error",
        (place, at_us, f"{error.field}: {error.message}" if error.field else error.message),
    )


def behind(tx: Tx, seq: int) -> tuple[int, float]:
    """(links, age of the oldest in seconds) after row `seq`, but those that only say that a checkpoint was written."""
    row = tx.execute(
        "SELECT (SELECT count(*) FROM audit WHERE seq > %s AND event <> 'checkpoint'),"
        " (SELECT extract(epoch FROM now() - at_utc::timestamptz)::float8 FROM audit WHERE seq > %s AND event <> 'checkpoint'"
        " ORDER BY seq LIMIT 1)",
        (seq, seq),
    ).fetchone()
    count, age_s = row or (0, None)
    return count, max(0.0, age_s or 0.0)


def witnesses(database: Database, places: Sequence[Place]) -> list[Witness]:
    """Everything that the places keep. Raises IntegrityError where one lacks what it kept before, Unavailable and the like where one can't
    be asked."""
    with database.transaction() as tx:  # before the places are asked: what is sent meanwhile is no lack
        known = {one.place: one.seq for one in sent(tx)}
    found: list[Witness] = []
    for place in places:
        theirs = place.witnesses()
        last = max((one.seq for one in theirs), default=0)
        if last < known.get(place.name, 0):
            what = f"kept a checkpoint of row {known[place.name]}, and now the last is of row {last}"
            raise IntegrityError(what, field=place.name, remedy="was it taken away there? Call the person in charge of security")
        found += theirs
    return found
