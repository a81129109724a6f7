"""Withdraws what a bad model version wrote: every standing entry of its windows, through the outbox, in batches.

What a nurse wrote stays. What was withdrawn so comes back by no census. Windows of it that nothing was charted of yet never will be. For a
day after it was asked it is looked again every minute, since windows may arrive late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.delivery.interface import Target, distinct
from wince.domain.entry import Entry, Kind
from wince.pipeline.record import rows
from wince.pipeline.record.writing import charted
from wince.store import retractions
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.locks import Lock, take
from wince.store.plain import dump
from wince.store.retractions import CAUSE, Retraction
from wince.telemetry import logs

log = logs.get("wince.record.retraction")

AT_ONCE = 200
"""Entries withdrawn in a transaction, while which nothing else is written."""
AGAIN_US = 60_000_000


class Retractor:
    """Thread-safe. `wake`: there is something new to deliver."""

    def __init__(self, database: Database, targets: Sequence[Target], wake: Callable[[], None], *, clock: Clock = wall_us) -> None:
        self._database, self._targets, self._wake, self._clock = database, distinct(targets), wake, clock

    def run(self) -> int:
        """Do what is due; how many entries were withdrawn. Raises Unavailable, ResourceError, StoreError: the rest is still due."""
        with self._database.transaction() as tx:
            due = retractions.due(tx, self._clock(), AGAIN_US)
        return sum(self._retract(one) for one in due)

    def _retract(self, wanted: Retraction) -> int:
        count = 0
        after: UUID | None = None
        while True:
            with self._database.transaction() as tx:
                take(tx, Lock.WRITING)
                found = retractions.standing(tx, wanted, after, AT_ONCE)
                wrong = [entry for entry in found if retractions.meant(wanted, entry, _sets(tx, entry) if wanted.model_set else set())]
                self._withdraw(tx, wanted, wrong)
                count += len(wrong)
                last = len(found) < AT_ONCE
                if last:
                    _never_chart(tx, wanted)
                retractions.counted(tx, wanted.id, len(wrong), self._clock() if last else None)
            if wrong:
                self._wake()
            if last:
                break
            after = found[-1].id
        if count:
            log.warning("entries of a bad model version were withdrawn", entries=count)
        return count

    def _withdraw(self, tx: Tx, wanted: Retraction, wrong: Sequence[Entry]) -> None:
        now_us = self._clock()
        made = [replace(entry, revision=entry.revision + 1, status="entered-in-error", issued_us=now_us) for entry in wrong]
        waiting = [row for entry in made for row in rows.outgoing(entry, self._targets)]
        if not made:
            return
        rows.save_entries(tx, made)
        tx.execute(
            "UPDATE entry e SET cause = %s FROM unnest(%s::uuid[], %s::int[]) AS t(id, revision)"
            " WHERE e.id = t.id AND e.revision = t.revision",
            (CAUSE, [entry.id for entry in made], [entry.revision for entry in made]),
        )
        rows.save_outbox(tx, waiting, {})
        facts = [charted(row, _event(row)) for row in waiting]
        facts += [
            Fact(row.entry.id, row.entry.revision, "dead", 0, dump({"detail": row.error}), row.target)
            for row in waiting
            if row.state == "dead"
        ]
        facts += [Fact(entry.id, entry.revision, CAUSE, 1, dump({"retraction": wanted.id})) for entry in made]
        append(tx, facts, now_us)


def _event(row: rows.Outgoing) -> str:
    return "kept" if row.state == "kept" else "withdrawn"


def would_withdraw(database: Database, wanted: Retraction) -> list[Entry]:
    """The entries that it would withdraw now. Reads only."""
    found: list[Entry] = []
    after: UUID | None = None
    while True:
        with database.transaction() as tx:
            page = retractions.standing(tx, wanted, after, AT_ONCE)
            found += [one for one in page if retractions.meant(wanted, one, _sets(tx, one) if wanted.model_set else set())]
        if len(page) < AT_ONCE:
            return found
        after = page[-1].id


def _sets(tx: Tx, entry: Entry) -> set[str]:
    """Model sets of the windows that a summary sums; empty for another entry."""
    if entry.kind is not Kind.SUMMARY:
        return set()
    found = tx.execute(
        "SELECT body FROM assessment WHERE source = %s AND protocol = %s AND start_us >= %s AND start_us < %s",
        (entry.source, entry.protocol, entry.start_us, entry.end_us),
    ).fetchall()
    return {rows.assessment_of(body).model_set for (body,) in found}


def _never_chart(tx: Tx, wanted: Retraction) -> None:
    """Windows of it that had no patient yet, and their alerts: who learns later who lay there charts nothing of them."""
    found = tx.execute(
        "SELECT id, body FROM assessment WHERE NOT charted AND start_us < %s AND end_us > %s AND (%s = '' OR protocol = %s)",
        (wanted.to_us, wanted.from_us, wanted.protocol, wanted.protocol),
    ).fetchall()
    bad: list[UUID] = [identity for identity, body in found if wanted.model_set in ("", rows.assessment_of(body).model_set)]
    if bad:
        tx.execute("UPDATE assessment SET charted = true WHERE id = ANY(%s)", (bad,))
        tx.execute("UPDATE alert SET charted = true WHERE assessment = ANY(%s)", (bad,))
