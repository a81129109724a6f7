"""One pass: the chain's links go by, and the rows that they speak of are held against them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wince.domain.audit import AuditRow
from wince.store import audit
from wince.store.covered.acknowledgements import Acknowledgements
from wince.store.covered.census import Census
from wince.store.covered.decisions import Decisions
from wince.store.covered.entries import Entries, last_charted
from wince.store.covered.erasures import Erasures, none_lost
from wince.store.covered.fault import UNREADABLE, broken, count
from wince.store.covered.interface import Kind
from wince.store.covered.messages import Messages
from wince.store.database import Database, Tx

_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was held against the chain."""

    rows: int
    """Rows that are what the chain says."""
    unproven: int
    """Rows of which the chain says too little: of an earlier release, or of which the payload was erased."""


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier pass left: rows of the chain up to here, and what was made of them, are not looked at."""

    seq: int
    head: bytes
    """Hash of row `seq`."""
    tables: Mapping[str, int]
    """How many rows stood in each of `COUNTED`."""


COUNTED = (
    *("entry", "question", "assessment", "alert", "verdict", "acknowledged", "movement", "stay", "alias"),
    *("care_event", "switch", "consent", "research_consent"),
)
"""Tables whose rows only erasures take away: from one pass to the next they grow by what the chain says."""


class ChainComparison:
    """Compares while `domain.audit.prove` proves the links: iterate over `links`, then ask `done`, and `tables` for the next pass."""

    def __init__(self, database: Database, before: Before | None = None) -> None:
        self._database = database
        self._before = before
        self._payloads = 0
        self._erasures: Erasures
        self._kinds: list[Kind] = [Entries(), Messages(), Acknowledgements(), Decisions(), Census()]
        self.tables: dict[str, int] = {}
        """How many rows stood in each of `COUNTED`."""

    def links(self) -> Iterator[AuditRow]:
        """Every link with its payload, in order, and all rows as they stand in one moment: what is written, or erased, meanwhile is not
        seen. Raises IntegrityError where a row is not what its link says: after the link was taken, so that the caller has proven it."""
        chunk: list[AuditRow] = []
        with self._database.transaction() as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._erasures = _erasures(tx)  # of this moment: each chunk sees the same
            if self._before is not None:
                self._begin(tx, self._before)
            for link in audit.rows_in(tx, self._before.seq if self._before else 0):
                yield link
                chunk.append(link)
                if len(chunk) >= _CHUNK:
                    self._compare(tx, chunk)
                    chunk = []
            self._compare(tx, chunk)
            self.tables = {table: count(tx, table) for table in COUNTED}
            if self._before is None:
                self._count(tx)
                self._erasures.payloads(tx, self._payloads)
            else:
                self._count_since(tx, self._before)

    def _begin(self, tx: Tx, before: Before) -> None:
        """The chain still has the row up to which it was proven, and the kinds go on behind it."""
        row = tx.execute("SELECT hash FROM audit WHERE seq = %s", (before.seq,)).fetchone()
        if row is None or bytes(row[0]) != before.head:
            what = "is not the row that an earlier verification proved" if row else "is missing, which an earlier verification proved"
            raise broken("audit row", str(before.seq), what)
        self._kinds[0] = Entries(last_charted(tx, before.seq))

    def _compare(self, tx: Tx, chunk: list[AuditRow]) -> None:
        self._payloads += sum(link.payload is not None for link in chunk)
        for kind in self._kinds:
            try:
                kind.compare(tx, chunk, self._erasures)
            except UNREADABLE as error:
                where = f"{chunk[0].seq} to {chunk[-1].seq}"
                raise broken("audit rows", where, f"a payload about {kind.name} is none ({type(error).__name__})") from None

    def _count(self, tx: Tx) -> None:
        for kind in self._kinds:
            for table, told, stand in kind.counted(tx):
                if told != stand:
                    what = f"{stand} rows stand where the chain speaks of {told}: some came, or went, without it"
                    raise broken(table, "table", what)

    def _count_since(self, tx: Tx, before: Before) -> None:
        """Tables grew by what the new links say. Not known behind an erasure, or windows that were undone: rows of earlier links went."""
        none_lost(tx, before.seq)
        erased = tx.execute(
            "SELECT 1 FROM audit WHERE seq > %s AND event IN ('erasing', 'erased', 'undone') LIMIT 1", (before.seq,)
        ).fetchone()
        if erased is not None:
            return
        for kind in self._kinds:
            for table, told, stand in kind.counted(tx):
                if table in before.tables and before.tables[table] + told != stand:
                    what = f"{stand} rows stand where {before.tables[table]} stood and the chain speaks of {told} more"
                    raise broken(table, "table", what)

    @property
    def done(self) -> Comparison:
        """What was compared."""
        return Comparison(sum(kind.compared for kind in self._kinds), sum(kind.unproven for kind in self._kinds))


def _erasures(tx: Tx) -> Erasures:
    try:
        return Erasures(tx)
    except UNREADABLE as error:
        raise broken("audit rows", "about erasures", f"a payload is none ({type(error).__name__})") from None
