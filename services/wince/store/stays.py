"""Who lies where, kept bitemporally: movements as they came, stays with valid and recorded time; and which camera watches which bed.

`PostgresCensus` keeps the promises of hospital's port (wince/hospital/interface.py, Census).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from wince import canonical
from wince.clock import Clock, wall_us
from wince.domain.census import CONTROL_ID_AGAIN, PATIENT_IN_BED, Applied, Change, Kind, MessageKey, Movement, Outcome, Revision
from wince.domain.stay import Identifier, Stay, Watch
from wince.store import aliases, inbox, locks, plain, reviews, stay_rows, trust
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.inside import Inside
from wince.store.locks import Lock

believed = stay_rows.believed
"""Believed stays of beds."""
DAY_US = 24 * 3600 * 1_000_000

InBed = Callable[[str], Sequence[Stay]]
Revise = Callable[[Sequence[Movement], Sequence[Stay], InBed], Revision]
Decide = Callable[[Change, Inside], Revision]


class PostgresCensus:
    """Movements, links and stays in the database. Thread-safe. `clock`: microseconds UTC, stamps the audit trail. `window_us`: a used
    control id with other content is a new message if it was sent at least this much later; 0: never."""

    def __init__(self, database: Database, clock: Clock = wall_us, window_us: int = DAY_US) -> None:
        self._database = database
        self._clock = clock
        self._window_us = window_us

    def commit(self, change: Change, decide: Decide) -> Applied:
        """See Census.commit."""
        return self.commit_all([(change, decide)])[0]

    def commit_all(self, changes: Sequence[tuple[Change, Decide]]) -> list[Applied]:
        """See Census.commit_all."""
        done, facts = [], []
        with self._database.transaction() as tx:
            inside = _locked(tx, [change for change, _ in changes])
            uses = inbox.Uses(tx, [change.key for change, _ in changes], self._window_us)
            for change, decide in changes:
                applied, fact = self._take(tx, inside, uses, change, decide)
                done.append(applied)
                facts += [fact] if fact is not None else []
            inside.write()
            if facts:  # last: every writer of the installation waits for the trail
                append(tx, facts, self._clock())
        return done

    def _take(self, tx: Tx, inside: Inside, uses: inbox.Uses, change: Change, decide: Decide) -> tuple[Applied, Fact | None]:
        use = uses.take(change.key, change.sent_us)
        if use is None:
            return Applied(Outcome.DUPLICATE, Revision()), None
        message = inbox.message_id(change.key, use.number)
        if change.links:
            aliases.add(tx, change.links, message)
        revision = decide(change, inside)
        movements = change.movements if revision.settled is None else revision.settled
        inside.take(use, movements, revision)
        if PATIENT_IN_BED in revision.notes:
            for moved in movements:
                for stay in inside.stays_of(inside.survivor(Kind.PERSON, moved.patient)):
                    if stay.end_us is None:
                        trust.may_have_left(tx, stay, moved.at_us, moved.known_us, self._clock())
        said = {
            "trigger": change.trigger,
            "notes": [*revision.notes, *([CONTROL_ID_AGAIN] if use.number > 1 else [])],
            "movements": [json.loads(plain.dump(moved)) for moved in movements],
            "links": [json.loads(plain.dump(link)) for link in change.links],
            "as_of_us": revision.recorded_us,
            "superseded": [str(stay.id) for stay in revision.supersede],
            "added": [json.loads(plain.dump(stay)) for stay in revision.add],
        }
        return Applied(Outcome.APPLIED, revision), Fact(message, 1, inbox.APPLIED, 1, canonical.text(said))

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """See Census.apply."""

        def decide(_change: Change, inside: Inside) -> Revision:
            visit = inside.survivor(Kind.VISIT, movement.encounter)
            return revise([*inside.movements(visit), movement], inside.believed(visit), inside.in_bed)

        return self.commit(Change.of(movement), decide)

    def audit(self, key: MessageKey, event: str, detail: str) -> None:
        """See Census.audit."""
        with self._database.transaction() as tx:
            use = inbox.note(tx, key, event, self._clock(), self._window_us)
            if use is not None:
                fact = Fact(inbox.message_id(key, use), 1, f"{inbox.APPLIED}.{event}", 1, canonical.text({"detail": detail}))
                append(tx, [fact], self._clock())

    def stays(self, bed: str, start_us: int, end_us: int | None, as_of_us: int | None = None) -> list[Stay]:
        """See Census.stays."""
        with self._database.transaction() as tx:
            return stay_rows.overlapping(tx, [bed], start_us, end_us, as_of_us)

    def current(self) -> list[Stay]:
        """See Census.current."""
        with self._database.transaction() as tx:
            return stay_rows.read(tx, "superseded_us IS NULL AND end_us IS NULL ORDER BY bed, start_us", ())


def _locked(tx: Tx, changes: Sequence[Change]) -> Inside:
    """Serialises the messages, their visits by the numbers that stand now, and their beds, so that two encounters can't both find one free.
    While nobody links, numbers stand; who links is alone. All locks are taken at once, in one order for every caller."""
    links = any(change.links for change in changes)
    if links:
        locks.take(tx, Lock.ALIASES)
    else:
        locks.share(tx, Lock.ALIASES)
    inside, names = Inside(tx), []
    visits: dict[Identifier, None] = {}
    beds: dict[str, None] = {}
    for change in changes:
        key = change.key
        names.append(f"message {key.application} {key.facility} {key.control_id}")
        for moved in change.movements if not links else ():
            visit = inside.survivor(Kind.VISIT, moved.encounter)
            names += [f"encounter {visit.system} {visit.value}", f"bed {moved.bed}"]
            visits[visit] = beds[moved.bed] = None
    locks.take_each(tx, Lock.STAYS, names)
    if links:
        return Inside(tx)  # once its links are kept, numbers stand for others
    inside.ahead(visits, beds)
    return inside


def save_watches(database: Database, watches: Iterable[Watch]) -> None:
    """Keeps which camera watches which bed; the same row again changes nothing."""
    with database.transaction() as tx:
        add_watches(tx, watches)


def add_watches(tx: Tx, rows: Iterable[Watch]) -> None:
    """The same inside a transaction."""
    new = list(rows)
    known = {(row.source, row.start_us, row.recorded_us): row for row in watches(tx, sorted({item.source for item in new}))}
    for item in new:
        before = known.get((item.source, item.start_us, item.recorded_us))
        if before is None or (before.bed, before.end_us) != (item.bed, item.end_us):
            ends = [row.end_us for row in (item, before) if row is not None]
            last = None if None in ends else max(end for end in ends if end is not None)
            reviews.ask(tx, sources=[item.source], from_us=item.start_us, to_us=last, why="camera")
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO watch(source, bed, start_us, end_us, recorded_us, region, rotation) VALUES (%s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (source, start_us, recorded_us) DO UPDATE SET bed = excluded.bed, end_us = excluded.end_us,"
            " region = excluded.region, rotation = excluded.rotation, told = watch.told AND watch.bed = excluded.bed"
            " AND watch.end_us IS NOT DISTINCT FROM excluded.end_us",
            [
                (
                    item.source,
                    item.bed,
                    item.start_us,
                    item.end_us,
                    item.recorded_us,
                    None if item.region is None else json.dumps(item.region),
                    item.rotation,
                )
                for item in new
            ],
        )


def watches(tx: Tx, sources: Sequence[str]) -> list[Watch]:
    """Every row of these cameras, in order of recording."""
    rows = tx.execute(
        "SELECT source, bed, start_us, end_us, recorded_us, region, rotation FROM watch"
        " WHERE source = ANY(%s) ORDER BY recorded_us, start_us",
        (list(sources),),
    ).fetchall()
    return [
        Watch(source, bed, start, end, recorded, None if region is None else _region(region), rotation)
        for source, bed, start, end, recorded, region, rotation in rows
    ]


def lying_at(tx: Tx, at_us: int) -> list[Stay]:
    """Every believed stay of a moment, by bed and start."""
    where = "superseded_us IS NULL AND start_us <= %s AND (end_us IS NULL OR end_us > %s) ORDER BY bed, start_us"
    return stay_rows.read(tx, where, (at_us, at_us))


def _region(text: str) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = json.loads(text)
    return x0, y0, x1, y1
