"""One pass: the chain's links go by, and the rows that they speak of are held against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wince.domain.audit import AuditRow
from wince.store import audit
from wince.store.covered.census import Census
from wince.store.covered.entries import Entries
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken
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


class ChainComparison:
    """Compares while `domain.audit.verify` proves the links: iterate over `links`, then ask `done`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._payloads = 0
        self._kinds: list[Kind] = [Entries(), Messages(), Census()]

    def links(self) -> Iterator[AuditRow]:
        """Every link with its payload, in order, and all rows as they stand in one moment: what is written, or erased, meanwhile is not
        seen. Raises IntegrityError where a row is not what its link says: after the link was taken, so that the caller has proven it."""
        chunk: list[AuditRow] = []
        with self._database.transaction() as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for link in audit.rows_in(tx, 0):
                yield link
                chunk.append(link)
                if len(chunk) >= _CHUNK:
                    self._compare(tx, chunk)
                    chunk = []
            self._compare(tx, chunk)
            self._count(tx)
            Erasures(tx).payloads(tx, self._payloads)

    def _compare(self, tx: Tx, chunk: list[AuditRow]) -> None:
        self._payloads += sum(link.payload is not None for link in chunk)
        erasures = Erasures(tx)
        for kind in self._kinds:
            try:
                kind.compare(tx, chunk, erasures)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                where = f"{chunk[0].seq} to {chunk[-1].seq}"
                raise broken("audit rows", where, f"a payload about {kind.name} is none ({type(error).__name__})") from None

    def _count(self, tx: Tx) -> None:
        for kind in self._kinds:
            for table, told, stand in kind.counted(tx):
                if told != stand:
                    what = f"{stand} rows stand where the chain speaks of {told}: some came, or went, without it"
                    raise broken(table, "table", what)

    @property
    def done(self) -> Comparison:
        """What was compared."""
        return Comparison(sum(kind.compared for kind in self._kinds), sum(kind.unproven for kind in self._kinds))
