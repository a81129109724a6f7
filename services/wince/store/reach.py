"""Where cameras, beds, patients and what was found of them are: what a bound caller's reach is judged by (`domain/reach.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.domain.reach import Kind, Place, Subject, named
from wince.domain.stay import Identifier
from wince.store import scope, withheld
from wince.store.database import Database, Tx
from wince.store.scope import watched_bed


class Reach:
    """`domain.reach.Find` over the database. Thread-safe; blocks. Raises StoreError, Unavailable."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def __call__(self, subjects: Sequence[Subject]) -> Mapping[Subject, Sequence[Place]]:
        """Where each of them is."""
        found: dict[Subject, Sequence[Place]] = dict(named([one for one in subjects if one.kind not in _ASKED]))
        by: dict[Kind, list[Subject]] = {}
        for one in subjects:
            if one.kind in _ASKED:
                by.setdefault(one.kind, []).append(one)
        if by:
            with self._database.transaction() as tx:
                for kind, some in by.items():
                    found |= _ASKED[kind](tx, some, self._clock())
        return found


_Found = dict[Subject, Sequence[Place]]


def _cameras(tx: Tx, some: Sequence[Subject], now_us: int) -> _Found:
    rows = tx.execute(
        f"SELECT coalesce({watched_bed('x', 'at_us')}, '') FROM unnest(%s::text[], %s::bigint[]) WITH ORDINALITY x(source, at_us, n)"
        " ORDER BY x.n".encode(),
        ([one.value for one in some], [now_us if one.at_us is None else one.at_us for one in some]),
    ).fetchall()
    return {one: [Place(one.value, bed)] for one, (bed,) in zip(some, rows, strict=True)}


def _by_id(sql: str) -> Callable[[Tx, Sequence[Subject], int], _Found]:
    """Of a query with one parameter, ids, that gives (id, source, bed)."""

    def asked(tx: Tx, some: Sequence[Subject], _now_us: int) -> _Found:
        ids = {one: _id(one.value) for one in some}
        rows = tx.execute(sql.encode(), ([one for one in ids.values() if one is not None],)).fetchall()
        places: dict[UUID, list[Place]] = {}
        for identity, source, bed in rows:
            places.setdefault(identity, []).append(Place(source, bed or ""))
        return {one: places.get(identity, []) if identity is not None else [] for one, identity in ids.items()}

    return asked


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _visits(tx: Tx, some: Sequence[Subject], _now_us: int) -> _Found:
    return {one: _lying(tx, "encounter", scope.encounters(tx, one.value)) for one in some}


def _patients(tx: Tx, some: Sequence[Subject], _now_us: int) -> _Found:
    found: _Found = {}
    for one in some:
        number, system = scope.split(one.value)
        found[one] = _lying(tx, "patient", withheld.patients(tx, number, system))
    return found


def _lying(tx: Tx, column: str, identifiers: Sequence[Identifier]) -> list[Place]:
    """The beds in which they lie; of one who has left, the last."""
    places: list[Place] = []
    for one in identifiers:
        rows = tx.execute(
            f"SELECT bed, end_us FROM stay WHERE {column} = %s AND {column}_system = %s AND superseded_us IS NULL"
            " ORDER BY end_us DESC NULLS FIRST, start_us DESC".encode(),
            (one.value, one.system),
        ).fetchall()
        lying = [bed for bed, end_us in rows if end_us is None] or [bed for bed, _ in rows[:1]]
        places += [Place(bed=bed) for bed in lying]
    return places


_QUESTION = f"SELECT q.id, q.source, {watched_bed('q', 'end_us - 1')} FROM question q WHERE q.id = ANY(%s)"
_ASKED: Mapping[Kind, Callable[[Tx, Sequence[Subject], int], _Found]] = {
    Kind.SOURCE: _cameras,
    Kind.ENCOUNTER: _visits,
    Kind.PATIENT: _patients,
    Kind.ASSESSMENT: _by_id(f"SELECT a.id, a.source, {watched_bed('a')} FROM assessment a WHERE a.id = ANY(%s)"),
    Kind.ALERT: _by_id(f"SELECT a.id, a.source, {watched_bed('a')} FROM alert a WHERE a.id = ANY(%s)"),
    Kind.QUESTION: _by_id(_QUESTION),
    Kind.ENTRY: _by_id(
        "SELECT i.id, coalesce(e.source, q.source), coalesce(e.bed, q.bed) FROM unnest(%s::uuid[]) i(id)"
        " LEFT JOIN LATERAL (SELECT e.source, (SELECT s.bed FROM stay s WHERE s.id = e.stay ORDER BY s.row_id DESC LIMIT 1) AS bed"
        " FROM entry e WHERE e.id = i.id ORDER BY e.revision DESC LIMIT 1) e ON true"
        f" LEFT JOIN LATERAL (SELECT q.source, {watched_bed('q', 'end_us - 1')} AS bed FROM question q WHERE q.id = i.id) q ON true"
        " WHERE e.source IS NOT NULL OR q.source IS NOT NULL"
    ),
    Kind.VERDICT: _by_id(
        f"SELECT e.id, a.source, {watched_bed('a')} FROM care_event e JOIN assessment a ON a.id = e.assessment"
        " WHERE e.kind = 'verdict' AND e.id = ANY(%s)"
    ),
    Kind.STAY: _by_id("SELECT s.id, '', s.bed FROM stay s WHERE s.id = ANY(%s)"),
    Kind.PAUSE: _by_id("SELECT c.id, '', c.bed FROM care_event c WHERE c.kind = 'pause' AND c.id = ANY(%s)"),
}
