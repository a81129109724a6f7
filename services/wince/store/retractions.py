"""What is to be withdrawn because the model that made it was bad. Every function works inside the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from wince.domain.entry import Entry, Kind
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump, load

OPEN_US = 24 * 3600 * 1_000_000
"""How long after the request windows that arrive late are withdrawn too."""
CAUSE = "retracted"
"""Of a withdrawn entry; nothing gives it back."""
_COLUMNS = "id, model_set, protocol, from_us, to_us, reason, by, asked_us, looked_us, entries"


@dataclass(frozen=True, slots=True)
class Retraction:
    """Entries of a model set, of a protocol, or of both, that lie in a span of time, are withdrawn."""

    id: UUID
    model_set: str
    """sha256, hex; empty: of any."""
    protocol: str
    """Empty: of any."""
    from_us: int
    to_us: int
    """Exclusive, microseconds UTC."""
    reason: str
    by: str
    asked_us: int
    looked_us: int | None = None
    """When record looked last; None: it has not yet."""
    entries: int = 0
    """Withdrawn so far."""


def ask(tx: Tx, wanted: Retraction) -> None:
    """Have it done; audited."""
    tx.execute(
        f"INSERT INTO retraction({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, NULL, 0)".encode(),
        (
            wanted.id,
            wanted.model_set,
            wanted.protocol,
            wanted.from_us,
            wanted.to_us,
            wanted.reason,
            wanted.by,
            wanted.asked_us,
        ),
    )
    append(tx, [Fact(wanted.id, 1, "retract", 1, dump(wanted))], wanted.asked_us)


def due(tx: Tx, now_us: int, every_us: int) -> list[Retraction]:
    """Those that were not looked at yet, or are open still and were looked at longer than `every_us` ago."""
    found = tx.execute(
        f"SELECT {_COLUMNS} FROM retraction WHERE looked_us IS NULL OR (asked_us > %s AND looked_us < %s) ORDER BY asked_us".encode(),
        (now_us - OPEN_US, now_us - every_us),
    ).fetchall()
    return [Retraction(*row) for row in found]


def get(tx: Tx, identity: UUID) -> Retraction | None:
    """As it stands now; None where there is none."""
    row = tx.execute(f"SELECT {_COLUMNS} FROM retraction WHERE id = %s".encode(), (identity,)).fetchone()
    return Retraction(*row) if row else None


def counted(tx: Tx, identity: UUID, entries: int, looked_us: int | None) -> None:
    """Record withdrew so many more; `looked_us`: and has looked at all of it."""
    tx.execute(
        "UPDATE retraction SET looked_us = coalesce(%s, looked_us), entries = entries + %s WHERE id = %s", (looked_us, entries, identity)
    )


def standing(tx: Tx, wanted: Retraction, after: UUID | None, limit: int) -> list[Entry]:
    """The model's entries that stand and are meant, by id; nurses' own are not among them.

    Of any model set: see `meant`.
    """
    rows = tx.execute(
        "SELECT body FROM (SELECT DISTINCT ON (id) id, status, kind, body FROM entry WHERE start_us < %s AND end_us > %s"
        " AND (%s::uuid IS NULL OR id > %s) ORDER BY id, revision DESC) latest"
        " WHERE status <> 'entered-in-error' AND kind <> 'verdict' AND (%s = '' OR body LIKE %s) ORDER BY id LIMIT %s",
        (wanted.to_us, wanted.from_us, after, after, wanted.protocol, f'%"protocol":"{_like(wanted.protocol)}"%', limit),
    ).fetchall()
    return [load(Entry, body) for (body,) in rows]


def meant(wanted: Retraction, entry: Entry, sets: set[str]) -> bool:
    """Whether a standing entry is withdrawn. `sets`: model sets of the windows that it sums, where it is a summary."""
    if wanted.protocol and entry.protocol != wanted.protocol:
        return False
    return not wanted.model_set or wanted.model_set == entry.model_set or (entry.kind is Kind.SUMMARY and wanted.model_set in sets)


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
