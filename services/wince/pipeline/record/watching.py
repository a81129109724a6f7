"""Watching: who watches what, from where on. SQL with its audit row; the stream of items is `live`'s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from wince.clock import Clock
from wince.domain.routing import ward_of
from wince.pipeline.record import told
from wince.pipeline.record.told import Item, Kind, Place
from wince.rpc.errors import NotFound, OutOfRange
from wince.store.access import note
from wince.store.audit import utc
from wince.store.database import Database, Tx

LONGEST = timedelta(days=7)
"""How far back a token may lie."""
_AGAIN = "watch with a snapshot, and list what was missed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a watcher is told of."""

    bed: str
    ward: str
    """Of these; both empty: of all."""
    kinds: frozenset[Kind]

    def __contains__(self, item: Item) -> bool:
        if item.kind not in self.kinds or (self.bed and item.bed != self.bed):
            return False
        return not self.ward or ward_of(item.bed) == self.ward


class Watching:
    """Thread-safe; every method blocks for the database. `caller`: who watches, for the audit trail."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def begin(self, wanted: Wanted, caller: str, call: str) -> None:
        """Somebody begins to watch. Raises NotFound where no camera watches the bed, or any of the ward."""
        with self._database.transaction() as tx:
            if wanted.bed or wanted.ward:
                field = "bed" if wanted.bed else "ward"
                if not told.is_watched(tx, wanted.bed, wanted.ward, self._clock()):
                    raise NotFound(f"no camera watches this {field}", field=field, remedy="list the cameras; a bed as POINTOFCARE^ROOM^BED")
            self._note(tx, wanted, caller, call)

    def resumable(self, place: Place) -> None:
        """Raises OutOfRange where what lies behind a place is too old, or the chain is another."""
        with self._database.transaction() as tx:
            link = told.link_at(tx, place.seq)
            if place.seq and (link is None or link[0] != place.hash):
                what = "the trail is another than this token's: the database was put back, or is another"
                raise OutOfRange(what, field="resume_token", remedy=_AGAIN)
            after = told.link_at(tx, place.seq + 1)
            if after is not None and after[1] < utc(self._clock() - LONGEST // timedelta(microseconds=1)):
                raise OutOfRange(f"lies more than {LONGEST.days} days back", field="resume_token", remedy=_AGAIN)

    def note(self, wanted: Wanted, caller: str, call: str) -> None:
        """Somebody begins to watch, whether or not a camera does."""
        with self._database.transaction() as tx:
            self._note(tx, wanted, caller, call)

    def snapshot(self, wanted: Wanted) -> tuple[Place, list[Item]]:
        """(where the chain ends, what holds there), of one moment. Raises StoreError, Unavailable."""
        with self._database.transaction() as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            place = told.newest(tx)
            found = told.holding(tx, sorted(wanted.kinds), self._clock())
        return place, [item for item in found if item in wanted]

    def _note(self, tx: Tx, wanted: Wanted, caller: str, call: str) -> None:
        note(tx, caller, call, {"bed": wanted.bed, "ward": wanted.ward}, self._clock())
