"""Retention by age, and the erasure of one person; each run is a link of the audit trail, without anybody's name."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from wince.care import person
from wince.care.person import Erased
from wince.clock import Clock, wall_us
from wince.errors import MessageError
from wince.store import erasing, remains, studies
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Days; None: kept."""

    assessments: int | None = None
    movements: int | None = None
    audit: int | None = None


class _TakenBackError(Exception):
    """Nothing of a count is kept."""


class Retention:
    """Blocks for the database; in batches, so that nothing else waits long. Raises StoreError, Unavailable, and what each method says."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def run(self, limits: Limits, by: str) -> Erased:
        """Erase what is older than the limits. It may be run again at any time, also after it was cut off."""
        run, now_us = uuid4(), self._clock()
        with self._database.transaction() as tx:
            erasing.begin(tx, run, now_us, "retention", by, dump(limits))
        number = itertools.count(1)

        def each(what: str, before_us: int, batch: Callable[[Tx], int]) -> int:
            whole = 0
            while True:
                with self._database.transaction() as tx:
                    gone = batch(tx)
                    if gone:  # in the same transaction: what is missing is explained, wherever this is cut off
                        said = {"what": what, "before_us": before_us, "rows": gone}
                        append(tx, [Fact(run, next(number), "erasing", 1, dump(said))], now_us)
                whole += gone
                if not gone:
                    return whole

        done = self._erased(limits, run, now_us, each)
        with self._database.transaction() as tx:
            append(tx, [Fact(run, 1, "retention", 1, dump({"limits": limits, "erased": done, "by": by}))], now_us)
        return done

    def count(self, limits: Limits) -> Erased:
        """What `run` would erase now: the same work in one transaction, which is then taken back. What it counts is held meanwhile."""
        run, now_us, done = uuid4(), self._clock(), Erased()
        with suppress(_TakenBackError), self._database.transaction() as tx:
            erasing.begin(tx, run, now_us, "retention", "", dump(limits))

            def each(_what: str, _before_us: int, batch: Callable[[Tx], int]) -> int:
                whole = 0
                while gone := batch(tx):
                    whole += gone
                return whole

            done = self._erased(limits, run, now_us, each)
            raise _TakenBackError
        return done

    def _erased(self, limits: Limits, run: UUID, now_us: int, each: Callable[[str, int, Callable[[Tx], int]], int]) -> Erased:
        entries = windows = visits = payloads = decisions = remembered = objects = 0
        if limits.assessments is not None:
            before_us = now_us - limits.assessments * DAY_US
            entries = each("assessments", before_us, lambda tx: self._entries(tx, before_us))
            windows = each("assessments", before_us, lambda tx: self._windows(tx, before_us))
            each("assessments", before_us, lambda tx: self._questions(tx, before_us))
            objects = each("studies", before_us, lambda tx: studies.forget_old(tx, before_us))
            remembered = each("states", before_us, lambda tx: remains.old_states(tx, before_us))
            decisions = each("decisions", before_us, lambda tx: remains.old_decisions(tx, before_us))
        if limits.movements is not None:
            until_us = now_us - limits.movements * DAY_US
            visits = each("movements", until_us, lambda tx: self._visits(tx, until_us))
            remembered += each("movements", until_us, lambda tx: remains.old_notes(tx, until_us))
            decisions += each("patient_states", until_us, lambda tx: remains.old_patient_states(tx, until_us))
        if limits.audit is not None:
            oldest_us = now_us - limits.audit * DAY_US
            payloads = each("audit", oldest_us, lambda tx: erasing.old_payloads(tx, run, oldest_us))
        return Erased(entries, windows, visits, payloads, decisions, remembered, objects)

    @staticmethod
    def _entries(tx: Tx, before_us: int) -> int:
        ids = erasing.old_entries(tx, before_us)
        erasing.entries(tx, ids)
        return len(ids)

    @staticmethod
    def _windows(tx: Tx, before_us: int) -> int:
        ids = erasing.old_windows(tx, before_us)
        erasing.windows(tx, ids)
        return len(ids)

    @staticmethod
    def _questions(tx: Tx, before_us: int) -> int:
        ids = erasing.old_questions(tx, before_us)
        erasing.questions(tx, ids)
        return len(ids)

    @staticmethod
    def _visits(tx: Tx, before_us: int) -> int:
        found = erasing.old_visits(tx, before_us)
        erasing.visits(tx, found)
        erasing.withdrawn_scores(tx, before_us)
        return len(found)

    def erase(self, patient: str, reason: str, by: str) -> Erased:
        """Erase a person: windows, entries, what the hospital said, and the trail's payloads about them. A refusal to be watched stays.

        `patient`: record number, or "authority|number". Raises MessageError (no reason), NotFound, Refused (two authorities use the number;
        the person lies in a bed, or a list from outside says so; something waits for a target; a parked HL7 message names the number).
        """
        if not reason.strip():
            raise MessageError("must not be empty", field="reason", remedy="say why, without a patient's name")
        run, now_us = uuid4(), self._clock()
        with self._database.transaction() as tx:
            theirs = person.find(tx, patient, now_us)
            erasing.begin(tx, run, now_us, "person", by, reason.strip())
            done, gone = person.erase(tx, run, theirs, now_us)
            append(tx, [Fact(run, 1, "erased", 1, dump({"erased": done, "by": by, "reason": reason.strip(), "gone": gone}))], now_us)
        return done
