"""What record and care committed, in the order of the audit trail: one item for each thing that a watcher may be told of.

Every such thing has its link in the trail, and links become visible in the order of their numbers (who appends holds the lock until the
COMMIT). So who reads on from a number misses nothing, whichever replica committed it, and the number is where a watcher goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from wince.domain.audit import ZERO
from wince.domain.frame import US
from wince.domain.stay import Bedside, Identifier
from wince.pipeline.record.reading import TOLD
from wince.store import bedside
from wince.store.acknowledged import EVENT
from wince.store.database import Tx
from wince.store.scope import watched_bed

AT_ONCE = 500
"""Links that are looked at in one transaction."""
DAY_US = 86_400 * US


class Kind(StrEnum):
    """What an item is."""

    ASSESSMENT = "assessment"
    ALERT = "alert"
    QUESTION = "question"
    VERDICT = "verdict"
    PAUSE = "pause"
    ENTRY = "entry"
    ACKNOWLEDGEMENT = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Place:
    """A link of the trail: what lies before it, and itself, was told."""

    seq: int
    hash: bytes
    """Of the link: another chain has another."""


BEGIN = Place(0, ZERO)


@dataclass(frozen=True, slots=True)
class Item:
    """One committed thing."""

    place: Place
    kind: Kind
    bed: str
    """What its camera watched then, as known now; empty: nothing."""
    body: bytes
    """A protobuf message (assessment, alert, verdict, pause), else JSON (entry, question, acknowledgement)."""
    extra: Any = None
    """Of a pause: when it was ended early, microseconds UTC, or None. Of a question: its state."""
    id: UUID | None = None
    """Of a window, an alert or a question."""
    encounter: Identifier | None = None
    """Of a window, an alert or a question: the visit, as known now; None: nobody's."""


_CHARTED = "'charted', 'withdrawn', 'restored', 'corrected', 'charted_late', 'kept'"
_ASKED = "'asked', 'answered', 'cancelled', 'kept'"
_FIRST = "NOT EXISTS (SELECT FROM audit b WHERE b.entry = a.entry AND b.revision = a.revision AND b.event IN ({events}) AND b.seq < a.seq)"
"""A revision has a link for each target: the first of them counts."""
_STATE = "CASE a.event WHEN 'asked' THEN 'open' WHEN 'answered' THEN 'answered' WHEN 'cancelled' THEN 'superseded' ELSE q.state END"
QUESTION = "convert_to(json_build_array(q.id, q.assessment, q.source, q.protocol, q.start_us, q.end_us, q.reason)::text, 'UTF8')"
"""SQL: a question `q` as JSON."""
ENDED = "(SELECT min(n.from_us) FROM care_event n WHERE n.pause = p.id)"
"""SQL: when a pause `p` was ended early."""

_PARTS = (
    f"SELECT 'assessment', x.body, {watched_bed('x')}, NULL::text FROM assessment x WHERE a.event = 'assessment' AND x.id = a.entry",
    f"SELECT 'alert', x.body, {watched_bed('x')}, NULL FROM (SELECT * FROM alert a WHERE {TOLD}) x"
    " WHERE a.event = 'alert' AND x.id = a.entry",
    f"SELECT 'question', {QUESTION}, {watched_bed('q', 'end_us - 1')}, {_STATE} FROM question q"
    f" WHERE a.event IN ({_ASKED}) AND q.id = a.entry AND {_FIRST.format(events=_ASKED)}",
    f"SELECT 'verdict', c.body, {watched_bed('w')}, NULL FROM care_event c LEFT JOIN assessment w ON w.id = c.assessment"
    " WHERE a.event = 'care.verdict' AND c.id = a.entry",
    f"SELECT 'verdict', v.body, {watched_bed('w')}, NULL FROM verdict v LEFT JOIN assessment w ON w.id = v.assessment"
    " WHERE a.event = 'verdict' AND v.id = a.entry AND NOT EXISTS (SELECT FROM care_event c WHERE c.id = v.id)",
    f"SELECT 'pause', p.body, p.bed, {ENDED}::text FROM care_event c JOIN care_event p ON p.id = coalesce(c.pause, c.id)"
    " WHERE a.event IN ('care.pause', 'care.pause_end') AND c.id = a.entry",
    "SELECT 'entry', convert_to(e.body, 'UTF8'), e.body::json->>'bed', NULL FROM entry e"
    f" WHERE a.event IN ({_CHARTED}) AND e.id = a.entry AND e.revision = a.revision AND {_FIRST.format(events=_CHARTED)}",
    f"SELECT 'acknowledgement', convert_to(json_build_array(k.alert, k.nurse, k.at_us)::text, 'UTF8'), {watched_bed('x')}, NULL"
    f" FROM acknowledged k JOIN alert x ON x.id = k.alert WHERE a.event = '{EVENT}' AND k.alert = a.entry",
)
_LINKS = "SELECT seq, hash, at_utc, entry, revision, event FROM audit WHERE seq > %s ORDER BY seq LIMIT %s"
_SINCE = (
    f"SELECT a.seq, a.hash, a.at_utc, a.entry, k.* FROM ({_LINKS}) a"
    f" LEFT JOIN LATERAL ({' UNION ALL '.join(_PARTS)}) AS k(kind, body, bed, extra) ON true ORDER BY a.seq"
)


def newest(tx: Tx) -> Place:
    """The chain's last link."""
    row = tx.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return Place(row[0], bytes(row[1])) if row else BEGIN


def link_at(tx: Tx, seq: int) -> tuple[bytes, str] | None:
    """(hash, when it was appended) of a link; None: there is none."""
    row = tx.execute("SELECT hash, at_utc FROM audit WHERE seq = %s", (seq,)).fetchone()
    return (bytes(row[0]), row[1]) if row else None


def since(tx: Tx, place: Place) -> tuple[Place, str, list[Item]]:
    """(the last link that was looked at, when it was appended, items of the links behind `place`, in their order); `place` itself where
    there is none."""
    rows = tx.execute(_SINCE.encode(), (place.seq, AT_ONCE)).fetchall()
    at, items = "", list[Item]()
    for seq, hashed, at_utc, about, kind, body, bed, extra in rows:
        place, at = Place(seq, bytes(hashed)), at_utc
        if kind is not None:
            items.append(Item(place, Kind(kind), bed or "", bytes(body), extra, about))
    return place, at, _of_encounters(tx, items)


def holding(tx: Tx, kinds: Sequence[Kind], now_us: int) -> list[Item]:
    """What holds now, of these kinds: newest windows, alerts that nobody has seen, open questions, pauses that have not ended. Windows and
    alerts: of what watches, or did within a day; each image object watched once, and there are ever more of them."""
    watching = f"SELECT DISTINCT source FROM watch WHERE end_us IS NULL OR end_us > {now_us - DAY_US:d}"
    sources = f"({watching}) s CROSS JOIN LATERAL (SELECT * FROM assessment WHERE source = s.source AND NOT shadow"
    windows = f"FROM {sources} ORDER BY start_us DESC LIMIT 1) x"
    asked = "q.state = 'open' AND NOT EXISTS (SELECT FROM care_event e WHERE e.question = q.id)"
    queries: dict[Kind, tuple[str, tuple[object, ...]]] = {
        Kind.ASSESSMENT: (f"SELECT x.id, x.body, {watched_bed('x')}, NULL {windows} ORDER BY x.start_us, x.id", ()),
        Kind.ALERT: (
            f"SELECT a.id, a.body, {watched_bed('a')}, NULL {windows} JOIN alert a ON a.source = x.source AND a.start_us > x.start_us - %s"
            f" WHERE {TOLD} AND NOT EXISTS (SELECT FROM acknowledged k WHERE k.alert = a.id) ORDER BY a.start_us, a.id",
            (DAY_US,),
        ),
        Kind.QUESTION: (
            f"SELECT q.id, {QUESTION}, {watched_bed('q', 'end_us - 1')}, 'open' FROM question q WHERE {asked} ORDER BY q.start_us, q.id",
            (),
        ),
        Kind.PAUSE: (
            f"SELECT p.id, p.body, p.bed, {ENDED} FROM care_event p WHERE p.kind = 'pause' AND p.until_us > %s"
            f" AND coalesce({ENDED} > %s, true) ORDER BY p.from_us, p.id",
            (now_us, now_us),
        ),
    }
    found: list[Item] = []
    for kind, (sql, arguments) in queries.items():
        if kind in kinds:
            rows = tx.execute(sql.encode(), arguments).fetchall()
            found += [Item(BEGIN, kind, bed or "", bytes(body), extra, identity) for identity, body, bed, extra in rows]
    return _of_encounters(tx, found)


def _of_encounters(tx: Tx, items: list[Item]) -> list[Item]:
    """The items, windows, alerts and questions with their visits."""
    places: dict[UUID | None, Bedside] = {}
    for kind in (Kind.ASSESSMENT, Kind.ALERT, Kind.QUESTION):
        places.update(bedside.of(tx, kind.value, [item.id for item in items if item.kind is kind and item.id is not None]).items())
    return [replace(item, encounter=places[item.id].encounter) if item.id in places else item for item in items]


def is_watched(tx: Tx, bed: str, ward: str, now_us: int) -> bool:
    """Whether a camera watches this bed, or a bed of this ward, now."""
    here = "{0}.bed = %s" if bed else "split_part({0}.bed, '^', 1) = %s"
    ever = f"SELECT DISTINCT r.source, %s::bigint AS start_us FROM watch r WHERE {here.format('r')}"
    row = tx.execute(
        f"SELECT EXISTS (SELECT FROM ({ever}) s CROSS JOIN LATERAL (SELECT {watched_bed('s')} AS bed) n WHERE {here.format('n')})".encode(),
        (now_us, bed or ward, bed or ward),
    ).fetchone()
    return row == (True,)
