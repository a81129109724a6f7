"""Messages that could not be written into the record: kept in order for their camera, tried again apart. PHI: they are bound to a bed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wince.store.database import Tx


@dataclass(frozen=True, slots=True)
class Aside:
    """A camera of which messages are set aside."""

    source: str
    age_s: float
    """Since when, seconds."""
    failures: int
    next_s: float
    """Until it is tried again, seconds; below 0: overdue."""
    messages: int
    error: str
    """A code, a field and our own words, no PHI."""


def blocked(tx: Tx, sources: Collection[str]) -> set[str]:
    """Those of these cameras of which something is set aside: what comes later queues behind it."""
    rows = tx.execute("SELECT source FROM aside_source WHERE source = ANY(%s)", (list(sources),)).fetchall()
    return {source for (source,) in rows}


def any_there(tx: Tx) -> bool:
    """Whether anything is set aside."""
    return tx.execute("SELECT EXISTS (SELECT FROM aside_source)").fetchone() == (True,)


def put(tx: Tx, source: str, messages: Sequence[tuple[str, bytes]], error: str, wait_s: float) -> int:
    """Set messages (schema, body) aside, behind those that are; the number of the last one."""
    tx.execute(
        "INSERT INTO aside_source(source, error, next_at) VALUES (%s, %s, now() + make_interval(secs => %s)) ON CONFLICT DO NOTHING",
        (source, error[:500], wait_s),
    )
    last = 0
    for schema, body in messages:
        row = tx.execute("INSERT INTO aside(source, schema, body) VALUES (%s, %s, %s) RETURNING seq", (source, schema, body)).fetchone()
        last = row[0] if row else 0
    return last


def due(tx: Tx) -> list[str]:
    """Cameras to be tried now, the longest overdue first."""
    rows = tx.execute("SELECT source FROM aside_source WHERE next_at <= now() ORDER BY next_at").fetchall()
    return [source for (source,) in rows]


def first(tx: Tx, source: str, most: int) -> list[tuple[int, str, bytes]]:
    """(number, schema, body) of the first messages of a camera, in order."""
    rows = tx.execute("SELECT seq, schema, body FROM aside WHERE source = %s ORDER BY seq LIMIT %s", (source, most)).fetchall()
    return [(number, schema, bytes(body)) for number, schema, body in rows]


def all_of(tx: Tx, schema: str) -> list[tuple[str, bytes]]:
    """(source, body) of every message of a schema that is set aside."""
    rows = tx.execute("SELECT source, body FROM aside WHERE schema = %s", (schema,)).fetchall()
    return [(source, bytes(body)) for source, body in rows]


def taken(tx: Tx, source: str, numbers: Sequence[int]) -> None:
    """These are written. Where nothing is left the camera is no longer set aside."""
    tx.execute("DELETE FROM aside WHERE seq = ANY(%s)", (list(numbers),))
    tx.execute("DELETE FROM aside_source WHERE source = %s AND NOT EXISTS (SELECT FROM aside WHERE source = %s)", (source, source))


def failed(tx: Tx, source: str, error: str, wait_s: float) -> None:
    """It can't be written yet."""
    tx.execute(
        "UPDATE aside_source SET failures = failures + 1, error = %s, next_at = now() + make_interval(secs => %s) WHERE source = %s",
        (error[:500], wait_s, source),
    )


def begin_again(tx: Tx, source: str) -> None:
    """The message that could not be written is gone: the others are tried as if they had just been set aside."""
    tx.execute("UPDATE aside_source SET failures = 1, next_at = now() WHERE source = %s", (source,))


def failures(tx: Tx, source: str) -> int:
    """How often in a row it could not be written."""
    row = tx.execute("SELECT failures FROM aside_source WHERE source = %s", (source,)).fetchone()
    return row[0] if row else 0


def again(tx: Tx, source: str) -> bool:
    """Try a camera again at once (empty: all); False where nothing of it is set aside."""
    return tx.execute("UPDATE aside_source SET next_at = now() WHERE %s IN ('', source)", (source,)).rowcount > 0


def listed(tx: Tx) -> list[Aside]:
    """Every camera of which messages are set aside, by name."""
    rows = tx.execute(
        "SELECT s.source, extract(epoch FROM now() - s.since)::float8, s.failures, extract(epoch FROM s.next_at - now())::float8,"
        " (SELECT count(*) FROM aside a WHERE a.source = s.source), s.error FROM aside_source s ORDER BY s.source"
    ).fetchall()
    return [Aside(*row) for row in rows]
