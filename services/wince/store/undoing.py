"""Windows that were closed ahead of now and are withdrawn, since a person says so. Every function works inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.errors import MessageError
from wince.store.database import Tx

EVENT = "undone"
"""Of the audit trail: these windows, alerts and questions were withdrawn, and may come again."""
AT_LEAST_US = 60 * 1_000_000
"""A window ends so long after now, or after its commit: less is a clock that is a little ahead, and ends by itself."""
FARTHEST_US = 31 * 86_400 * 1_000_000
"""How far back windows are withdrawn."""
_COLUMNS = "id, source, from_us, by, reason, asked_us, done_us, windows, entries"


@dataclass(frozen=True, slots=True)
class Undoing:
    """What of a source ends after a moment is withdrawn, and the source begun again there."""

    id: UUID
    source: str
    from_us: int
    """Microseconds UTC."""
    by: str
    reason: str
    """No PHI."""
    asked_us: int
    done_us: int | None = None
    """When record did it; None: not yet."""
    windows: int = 0
    entries: int = 0
    """Withdrawn."""


@dataclass(frozen=True, slots=True)
class Told:
    """A link of the chain about what was withdrawn."""

    at: str
    """When, as text, UTC."""
    source: str
    from_us: int
    by: str
    reason: str
    messages: int
    """Windows, alerts and questions."""


def ask(tx: Tx, wanted: Undoing) -> None:
    """Have record do it. Raises MessageError without a person or a reason, for a source that never said anything, for a moment that lies
    too far back, and where nothing was closed ahead."""
    for name, text in (("by", wanted.by), ("reason", wanted.reason)):
        if not text.strip():
            raise MessageError("must not be empty", field=name, remedy="say who, and why, without a patient's name")
    if tx.execute("SELECT 1 FROM assessment WHERE source = %s LIMIT 1", (wanted.source,)).fetchone() is None:
        raise MessageError("no window of this source is known", field="source", remedy="`wince status` names the cameras of the beds")
    if why := not_ahead(tx, wanted, wanted.asked_us):
        raise MessageError(why, field="from", remedy="leave it out, or name the moment at which the clock jumped")
    tx.execute(
        f"INSERT INTO undone({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, NULL, 0, 0)".encode(),
        (wanted.id, wanted.source, wanted.from_us, wanted.by.strip(), wanted.reason.strip(), wanted.asked_us),
    )


def ahead(tx: Tx, source: str, from_us: int) -> int:
    """How many windows of a source end after a moment."""
    row = tx.execute("SELECT count(*) FROM assessment WHERE source = %s AND end_us > %s", (source, from_us)).fetchone()
    return row[0] if row else 0


def not_ahead(tx: Tx, wanted: Undoing, now_us: int) -> str:
    """Why nothing may be withdrawn; empty: it may. The chain says when each window was committed: one that was closed ahead ends after
    that, or after now."""
    if wanted.from_us < now_us - FARTHEST_US:
        return f"lies more than {FARTHEST_US // 86_400_000_000} days back"
    row = tx.execute(
        "SELECT 1 FROM assessment a WHERE a.source = %s AND a.end_us > %s AND (a.end_us > %s OR EXISTS (SELECT FROM audit t WHERE"
        " t.entry = a.id AND t.event = 'assessment' AND extract(epoch FROM t.at_utc::timestamptz) * 1000000 < a.end_us - %s)) LIMIT 1",
        (wanted.source, wanted.from_us, now_us + AT_LEAST_US, AT_LEAST_US),
    ).fetchone()
    return "" if row else "no window of this source that ends later was closed ahead of its time"


def told(tx: Tx) -> list[Told]:
    """What the chain says was withdrawn, the first first."""
    rows = tx.execute(
        "SELECT a.at_utc, p.payload FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq) WHERE a.event = %s"
        " ORDER BY a.seq",
        (EVENT,),
    ).fetchall()
    said = [(at, json.loads(payload)) for at, payload in rows]
    return [Told(at, one["source"], one["from_us"], one["by"], one["reason"], len(one["messages"])) for at, one in said]


def due(tx: Tx) -> list[Undoing]:
    """Those that record has not done yet."""
    return _read(tx, "done_us IS NULL ORDER BY asked_us", ())


def get(tx: Tx, identity: UUID) -> Undoing | None:
    """As it stands now; None where there is none."""
    return next(iter(_read(tx, "id = %s", (identity,))), None)


def latest(tx: Tx, sources: Collection[str]) -> dict[str, Undoing]:
    """The last that was done of each of these sources; one of which none was is absent."""
    found = _read(tx, "source = ANY(%s) AND done_us IS NOT NULL ORDER BY done_us", (list(sources),))
    return {one.source: one for one in found}


def done(tx: Tx, identity: UUID, now_us: int, windows: int, entries: int) -> None:
    """Record did it."""
    tx.execute("UPDATE undone SET done_us = %s, windows = %s, entries = %s WHERE id = %s", (now_us, windows, entries, identity))


def withdraw(tx: Tx, consumer: str, messages: Sequence[UUID]) -> None:
    """These windows, alerts and questions are known no more: each may come again once more."""
    tx.execute("DELETE FROM inbox WHERE consumer = %s AND id = ANY(%s)", (consumer, list(messages)))
    tx.execute(
        "INSERT INTO undone_message(id, times) SELECT id, 1 FROM unnest(%s::uuid[]) AS id"
        " ON CONFLICT (id) DO UPDATE SET times = undone_message.times + 1",
        (list(messages),),
    )


def times(tx: Tx, messages: Collection[UUID]) -> Mapping[UUID, int]:
    """How often each of these was withdrawn; absent: never."""
    found = tx.execute("SELECT id, times FROM undone_message WHERE id = ANY(%s)", (list(messages),)).fetchall()
    return dict(found)


def _read(tx: Tx, where: str, arguments: tuple[object, ...]) -> list[Undoing]:
    return [Undoing(*row) for row in tx.execute(f"SELECT {_COLUMNS} FROM undone WHERE {where}".encode(), arguments).fetchall()]
