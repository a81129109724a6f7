"""The SQL of reviews: what is asked for, what a slice holds, what is written of it. All inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from wince.codec.registry import decode
from wince.domain.assessment import Alert, Verdict
from wince.domain.charting import ChartState
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.timeline import EVER_US
from wince.errors import MessageError
from wince.pipeline.record.effects import Effects, Rebound
from wince.pipeline.record.review.slices import Group, Heard, Kept, Shown, Window
from wince.pipeline.record.rows import assessment_of
from wince.store.database import Tx
from wince.store.locks import Lock, try_some
from wince.store.plain import dump, load

LONGEST_US = 3600 * 1_000_000
"""No window is longer: where one that overlaps a moment may begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at again."""

    id: int
    sources: tuple[str, ...]
    from_us: int
    to_us: int
    why: str
    slice: int
    carry: Mapping[str, ChartState]
    failures: int


@dataclass(frozen=True, slots=True)
class Carried:
    """As it lies in `review.carry`."""

    states: dict[str, ChartState]


def spread(tx: Tx) -> None:
    """Turns what was asked of beds, or of everything, into rows of one camera each."""
    rows = tx.execute(
        "SELECT id, beds, sources, from_us, to_us, why FROM review WHERE cardinality(sources) <> 1 OR cardinality(beds) > 0"
        " ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED"
    ).fetchall()
    for number, beds, sources, from_us, to_us, why in rows:
        where = "true" if not beds and not sources else "bed = ANY(%s)"
        found = tx.execute(f"SELECT DISTINCT source FROM watch WHERE {where}".encode(), () if where == "true" else (beds,)).fetchall()
        for source in sorted({*sources, *(one for (one,) in found)}):
            tx.execute("INSERT INTO review(sources, from_us, to_us, why) VALUES (%s, %s, %s, %s)", ([source], from_us, to_us, why))
        tx.execute("DELETE FROM review WHERE id = %s", (number,))


def skip_empty(tx: Tx, most: int = 300) -> None:
    """Ends the reviews of cameras that said nothing in the time asked for: of a bed that is watched from now on, say. Many at once, and
    only of cameras for which nobody writes now."""
    rows = tx.execute(
        "SELECT id, sources[1] FROM review WHERE next_at <= now() AND slice = 0 AND cardinality(sources) = 1 AND cardinality(beds) = 0"
        " ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED",
        (most,),
    ).fetchall()
    had = try_some(tx, Lock.SOURCES, (source for _, source in rows))
    mine = [number for number, source in rows if source in had]
    if mine:  # a statement of its own: it sees what was committed before the locks were had
        tx.execute(
            "DELETE FROM review r WHERE id = ANY(%s)"
            " AND NOT EXISTS (SELECT FROM assessment a WHERE a.source = r.sources[1] AND a.start_us >= r.from_us - %s"
            " AND a.start_us < coalesce(r.to_us, %s) AND a.end_us > r.from_us)"
            " AND NOT EXISTS (SELECT FROM entry e WHERE e.source = r.sources[1] AND e.end_us > r.from_us"
            " AND e.start_us < coalesce(r.to_us, %s))"
            " AND NOT EXISTS (SELECT FROM alert w WHERE w.source = r.sources[1] AND w.start_us >= r.from_us - %s"
            " AND w.start_us < coalesce(r.to_us, %s))"
            " AND NOT EXISTS (SELECT FROM question q WHERE q.source = r.sources[1] AND q.state = 'open')",
            (mine, LONGEST_US, EVER_US, EVER_US, LONGEST_US, EVER_US),
        )


def ask_of_sums(tx: Tx, windows: Collection[UUID]) -> None:
    """An alert of these windows came late: the summaries that sum them already don't know of it. No summary: nothing is asked for."""
    if windows:
        tx.execute(
            "INSERT INTO review(sources, from_us, to_us, why) SELECT ARRAY[w.source], w.start_us, w.end_us, 'alert' FROM assessment w"
            " WHERE w.id = ANY(%s) AND EXISTS (SELECT FROM entry e WHERE e.source = w.source AND e.kind = %s AND e.end_us > w.start_us"
            " AND e.start_us < w.end_us)",
            (list(windows), Kind.SUMMARY.value),
        )


def next_asked(tx: Tx, busy: Collection[int] = ()) -> Asked | None:
    """The oldest row of one camera that nobody else has in hand and that isn't put off; locked until the commit. None of `busy`."""
    row = tx.execute(
        "SELECT id, sources, from_us, to_us, why, slice, carry, failures FROM review WHERE next_at <= now() AND cardinality(sources) = 1"
        " AND cardinality(beds) = 0 AND id <> ALL(%s) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
        (list(busy),),
    ).fetchone()
    if row is None:
        return None
    carry = load(Carried, row[6]).states if row[6] else {}
    return Asked(row[0], tuple(row[1]), row[2], EVER_US if row[3] is None else row[3], row[4], row[5], carry, row[7])


def done(tx: Tx, asked: Asked) -> None:
    """Looked at to its end."""
    tx.execute("DELETE FROM review WHERE id = %s", (asked.id,))


def later(tx: Tx, asked: Asked, until_us: int, wait_s: float, error: str) -> None:
    """Ask for a slice again, unless that is asked for already; it waits since what is asked for now waits. `error`: why, no PHI."""
    span = (asked.from_us, None if until_us >= EVER_US else until_us)
    tx.execute(
        "INSERT INTO review(sources, from_us, to_us, why, failures, next_at, error, made_at)"
        " SELECT %s, %s, %s, %s, 1, now() + make_interval(secs => %s), %s, coalesce((SELECT made_at FROM review WHERE id = %s), now())"
        " WHERE NOT EXISTS (SELECT FROM review WHERE sources = %s AND id <> %s AND from_us <= %s AND coalesce(to_us, %s) >= %s)",
        (
            *(list(asked.sources), *span, asked.why, wait_s, error[:500], asked.id),
            *(list(asked.sources), asked.id, asked.from_us, EVER_US, until_us),
        ),
    )


def onward(tx: Tx, asked: Asked, from_us: int, carry: Mapping[str, ChartState]) -> None:
    """Looked at up to here."""
    text = dump(Carried(dict(carry))) if carry else ""
    tx.execute(
        "UPDATE review SET from_us = %s, slice = slice + 1, carry = %s, failures = 0, error = '' WHERE id = %s", (from_us, text, asked.id)
    )


def put_off(tx: Tx, number: int, wait_s: float, error: str) -> None:
    """It could not be written: again later. `error`: a code and a field, no PHI."""
    tx.execute(
        "UPDATE review SET failures = failures + 1, error = %s, next_at = now() + make_interval(secs => %s) WHERE id = %s",
        (error[:500], wait_s, number),
    )


def windows(tx: Tx, source: str, from_us: int, to_us: int, most: int, *, begun: bool) -> tuple[list[Window], int]:
    """(windows that overlap [from, to), where the next slice begins or `to_us`). At most `most`; more would be another slice's.

    With those of which an alert began in the slice and fired after it. `begun`: a slice before looked at what began before `from_us`.
    """
    rows = tx.execute(
        "SELECT id, protocol, start_us, end_us, shadow, charted, stay, unbound FROM assessment WHERE source = %s AND start_us >= %s"
        " AND start_us < %s AND end_us > %s ORDER BY start_us, protocol LIMIT %s",
        (source, from_us if begun else from_us - LONGEST_US, to_us, from_us, most + 1),
    ).fetchall()
    found = [Window(*row) for row in rows]
    if len(found) <= most:
        return [*found, *_fired_after(tx, source, from_us, to_us)], to_us
    cut = found[-1].start_us
    kept = [window for window in found if window.start_us < cut]
    if kept and cut > from_us:
        return kept, cut
    return found, found[-1].start_us + 1  # so many windows of one moment


def _fired_after(tx: Tx, source: str, from_us: int, to_us: int) -> list[Window]:
    """Windows after the slice with an alert that began in it."""
    if to_us >= EVER_US:
        return []
    rows = tx.execute(
        "SELECT id, protocol, start_us, end_us, shadow, charted, stay, unbound FROM assessment WHERE start_us >= %s AND id IN"
        " (SELECT assessment FROM alert WHERE source = %s AND start_us >= %s AND start_us < %s) ORDER BY start_us, protocol",
        (to_us, source, from_us - LONGEST_US, to_us),
    ).fetchall()
    return [Window(*row) for row in rows]


def alerts(tx: Tx, windows: Collection[UUID]) -> list[Heard]:
    """Of these windows, in order of time."""
    if not windows:
        return []
    rows = tx.execute("SELECT body, charted, stay FROM alert WHERE assessment = ANY(%s) ORDER BY start_us, id", (list(windows),)).fetchall()
    return [Heard(_alert(body), charted, stay) for body, charted, stay in rows]


def fired(tx: Tx, source: str, low: int, high: int) -> tuple[int, int]:
    """[low, high] with the runs of all alerts of its windows, which a summary of these windows counts; a run ends with its window."""
    row = tx.execute(
        "SELECT least(%s, min(a.start_us)), greatest(%s, max(w.end_us)) FROM assessment w JOIN alert a ON a.assessment = w.id"
        " WHERE w.source = %s AND w.start_us >= %s AND w.start_us <= %s AND w.end_us >= %s",
        (low, high, source, low - LONGEST_US, high, low),
    ).fetchone()
    return (low, high) if row is None else (row[0], row[1])


def verdicts(tx: Tx, windows: Collection[UUID]) -> list[Verdict]:
    """About these windows, in order of time."""
    if not windows:
        return []
    rows = tx.execute("SELECT body FROM verdict WHERE assessment = ANY(%s) ORDER BY at_us, id", (list(windows),)).fetchall()
    found = [decode("wince.api.care.v1.Verdict", bytes(body)) for (body,) in rows]
    return [one for one in found if isinstance(one, Verdict)]


def entries(tx: Tx, source: str, from_us: int, to_us: int, windows: Collection[UUID]) -> dict[Group, list[Kept]]:
    """Every revision of entries of which one, made of the same, lies in [from, to) or was made in one of these windows; with those of
    which they are parts, and all parts of them."""
    rows = tx.execute(
        "WITH here AS (SELECT origin, part_of FROM entry WHERE source = %s AND end_us > %s AND start_us < %s"
        " UNION SELECT origin, part_of FROM entry WHERE assessment = ANY(%s)),"
        " whole AS (SELECT origin FROM here UNION SELECT part_of FROM here WHERE part_of IS NOT NULL)"
        " SELECT body, cause FROM entry WHERE origin IN (SELECT origin FROM whole"
        " UNION SELECT origin FROM entry WHERE part_of IN (SELECT origin FROM whole))"
        " ORDER BY min(start_us) OVER (PARTITION BY id), min(end_us) OVER (PARTITION BY id), id, revision",
        (source, from_us, to_us, list(windows)),
    ).fetchall()
    found: dict[Group, list[Kept]] = {}
    for body, cause in rows:
        entry = load(Entry, body)
        found.setdefault((entry.origin, Kind(entry.kind)), []).append(Kept(entry, cause))
    return found


def spans(tx: Tx, windows: Collection[UUID]) -> dict[UUID, tuple[int, int]]:
    """Begin and end of windows."""
    if not windows:
        return {}
    rows = tx.execute("SELECT id, start_us, end_us FROM assessment WHERE id = ANY(%s)", (list(windows),)).fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def contents(tx: Tx, source: str, protocol: str, from_us: int, to_us: int) -> list[Shown]:
    """Windows of a protocol that overlap [from, to), with their alerts; no shadows."""
    rows = tx.execute(
        "SELECT id, body, charted FROM assessment WHERE source = %s AND protocol = %s AND start_us >= %s AND start_us < %s AND end_us > %s"
        " AND NOT shadow ORDER BY start_us",
        (source, protocol, from_us - LONGEST_US, max(to_us, from_us + 1), from_us),
    ).fetchall()
    fired: dict[UUID, list[Heard]] = {}
    for heard in alerts(tx, [row[0] for row in rows]):
        fired.setdefault(heard.alert.assessment, []).append(heard)
    return [Shown(assessment_of(body), tuple(fired.get(identity, ())), charted) for identity, body, charted in rows]


def tasks(tx: Tx, source: str, from_us: int, to_us: int) -> list[TaskEntry]:
    """Open questions of this camera that overlap [from, to)."""
    rows = tx.execute(
        "SELECT body FROM question WHERE state = 'open' AND source = %s AND start_us < %s AND end_us > %s ORDER BY start_us, id",
        (source, to_us, from_us),
    ).fetchall()
    return [load(TaskEntry, body) for (body,) in rows]


def save(tx: Tx, effects: Effects) -> None:
    """What became known of windows and alerts that stand."""
    _mark(tx, "assessment", effects.charted)
    _mark(tx, "alert", effects.heard)
    _rebind(tx, "assessment", effects.rebound, ", unbound = t.unbound")
    _rebind(tx, "alert", effects.realerted, "")


def _mark(tx: Tx, table: str, ids: Sequence[UUID]) -> None:
    if ids:
        tx.execute(f"UPDATE {table} SET charted = true WHERE id = ANY(%s) AND NOT charted".encode(), (list(ids),))


def _rebind(tx: Tx, table: str, rows: Iterable[Rebound], more: str) -> None:
    found = list(rows)
    if found:
        columns: list[Any] = [[one.id for one in found], [one.stay for one in found], [one.unbound for one in found]]
        tx.execute(
            f"UPDATE {table} SET stay = t.stay{more} FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS t(id, stay, unbound)"
            f" WHERE {table}.id = t.id".encode(),
            columns,
        )


def _alert(body: bytes) -> Alert:
    found = decode("wince.api.grade.v1.Alert", bytes(body))
    if not isinstance(found, Alert):
        raise MessageError("a stored alert is none", field="alert.body")
    return found
