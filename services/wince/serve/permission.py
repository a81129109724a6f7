"""Which cameras may be looked at: read from the database every second, asked by capture before it looks.

A database that does not answer changes nothing: what was known last goes on. A process begins with a first reading, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.clock import wall_us
from wince.domain.binding import bed_of, covers
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.stay import Bedside, Stay, Watch
from wince.domain.timeline import EVER_US
from wince.domain.withheld import Withheld
from wince.serve.service import Repeated
from wince.store import stays
from wince.store.database import Database
from wince.store.telling import FOR_EVER_US
from wince.store.withheld import withheld

LOOK_S = 1.0
BACK_US = 60 * US
"""How far back stays are read: a second that capture still speaks for."""


class Permission:
    """A part of a process (start, stop, failed)."""

    name = "permission"

    def __init__(self, database: Database, *, required: bool, from_us: Callable[[], int] = lambda: wall_us() - BACK_US) -> None:
        """`required`: who has not consented is not watched. `from_us`: the earliest moment that will be asked about."""
        self._database, self._required, self._from_us = database, required, from_us
        self._known: tuple[Sequence[Watch], Sequence[Stay], Withheld] = ((), (), Withheld(required=required))
        self._repeated = Repeated(self.name, LOOK_S, self.look)

    def start(self) -> None:
        """Read for the first time, then every second. Raises StoreError, Unavailable."""
        self.look()
        self._repeated.start()

    def stop(self) -> None:
        """End."""
        self._repeated.stop()

    def failed(self) -> BaseException | None:
        """What ended it for good."""
        return self._repeated.failed()

    def look(self) -> None:
        """One reading. Raises StoreError, Unavailable."""
        since_us = self._from_us()
        with self._database.transaction() as tx:
            rows = tx.execute("SELECT DISTINCT source FROM watch WHERE end_us IS NULL OR end_us > %s", (since_us,)).fetchall()
            sources = [source for (source,) in rows]
            watches = stays.watches(tx, sources)
            lying = stays.believed(tx, sorted({watch.bed for watch in watches}), since_us, FOR_EVER_US)
            self._known = (watches, lying, withheld(tx, lying, since_us, required=self._required))

    def bedside(self, source: str, at_us: int) -> Bedside:
        """The bed that a camera watches at a moment, and who is believed there, as it was read last. Does not block."""
        watches, lying, _ = self._known
        watch = bed_of(watches, source, at_us, EVER_US)
        if watch is None:
            return Bedside()
        there = {stay.encounter for stay in lying if stay.bed == watch.bed and covers(stay.start_us, stay.end_us, at_us)}
        return Bedside(watch.bed, there.pop() if len(there) == 1 else None)

    def why_not(self, source: str, at_us: int) -> Reason | None:
        """Why a camera must not be looked at, at a moment; None: it may be. Does not block."""
        watches, lying, held = self._known
        if not (held.switches or held.consents or held.required):
            return None
        return held.camera(watches, lying, source, at_us)
