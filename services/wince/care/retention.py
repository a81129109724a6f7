"""Retention by age, and the erasure of one person; each run is a link of the audit trail, without anybody's name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

from wince.clock import Clock, wall_us
from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.errors import MessageError, Refused
from wince.rpc.errors import NotFound
from wince.store import aliases, erasing, parked, studies, withheld
from wince.store import scope as scopes
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


@dataclass(frozen=True, slots=True)
class Erased:
    """How many of each went."""

    entries: int = 0
    windows: int = 0
    visits: int = 0
    payloads: int = 0


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
        entries = windows = visits = payloads = 0
        if limits.assessments is not None:
            before_us = now_us - limits.assessments * DAY_US
            entries = each("assessments", before_us, lambda tx: self._entries(tx, before_us))
            windows = each("assessments", before_us, lambda tx: self._windows(tx, before_us))
            each("studies", before_us, lambda tx: studies.forget_old(tx, before_us))
        if limits.movements is not None:
            until_us = now_us - limits.movements * DAY_US
            visits = each("movements", until_us, lambda tx: self._visits(tx, until_us))
        if limits.audit is not None:
            oldest_us = now_us - limits.audit * DAY_US
            payloads = each("audit", oldest_us, lambda tx: erasing.old_payloads(tx, run, oldest_us))
        return Erased(entries, windows, visits, payloads)

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
        number, system = scopes.split(patient)
        run, now_us = uuid4(), self._clock()
        with self._database.transaction() as tx:
            found = withheld.patients(tx, number, system)
            numbers = aliases.numbers(tx, Kind.PERSON, found[0]) if len(found) == 1 else []
            if waiting := parked.naming(tx, {number, *(one.value for one in numbers)}):
                remedy = "have `wince hl7 parked` replay or drop these, then again: " + ", ".join(map(str, waiting[:5]))
                raise Refused(f"{len(waiting)} parked messages name this number", field="patient", remedy=remedy)
            if len(found) != 1:
                what = "two authorities use this number" if found else "there is no such patient"
                raise (Refused if found else NotFound)(what, field="patient", remedy="give authority|number")
            pairs = aliases.arrays(numbers)
            theirs = tx.execute(
                "SELECT id, encounter_system, encounter, superseded_us IS NULL AND (end_us IS NULL OR end_us > %s) FROM stay"
                " WHERE (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
                (now_us, *pairs),
            ).fetchall()
            if any(row[3] for row in theirs):
                raise Refused("the patient lies in a bed now", field="patient", remedy="erase after the discharge")
            if erasing.waits_in_a_list(tx, numbers):
                remedy = "see `wince census diff`; settle it, then again"
                raise Refused("a census has the patient in a bed, and nobody has decided that", field="patient", remedy=remedy)
            stays = sorted({row[0] for row in theirs})
            known = {Identifier(row[1], row[2]) for row in theirs}
            every = {
                number for one in known for number in aliases.numbers(tx, Kind.VISIT, one)
            }  # what was said under a number given up, too
            visits = sorted(every, key=lambda one: (one.system, one.value))
            ids = _ids(tx, "SELECT id FROM entry WHERE stay = ANY(%s)", stays)
            waits = tx.execute(
                "SELECT count(*) FROM outbox WHERE entry = ANY(%s) AND state NOT IN ('written', 'kept')", (list(ids),)
            ).fetchone()
            if waits and waits[0]:
                remedy = "see `wince outbox list`; deliver or give up what waits, then again"
                raise Refused(f"{waits[0]} deliveries about the patient wait", field="patient", remedy=remedy)
            windows = _ids(tx, "SELECT id FROM assessment WHERE stay = ANY(%s)", stays)
            gone_studies = studies.of_patient(tx, numbers)
            about = (
                set(stays)
                | ids
                | windows
                | {studies.identity(instance) for instance in gone_studies}
                | _ids(tx, "SELECT id FROM question WHERE stay = ANY(%s)", stays)
            )
            for table in ("alert", "verdict"):
                about |= _ids(tx, f"SELECT id FROM {table} WHERE assessment = ANY(%s)", list(windows))
            systems, values = aliases.arrays(visits)
            events = "FROM care_event WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
            about |= {row[0] for row in tx.execute(f"SELECT id {events}".encode(), (systems, values)).fetchall()}
            erasing.begin(tx, run, now_us, "person", by, reason.strip())
            named = [*(dump(one)[1:-1] for one in (*numbers, *visits)), *_reads(visits)]
            told = erasing.told_of(tx, visits)
            payloads = erasing.payloads_of(tx, run, about) + erasing.payloads_with(tx, run, named)
            tx.execute(f"DELETE {events}".encode(), (systems, values))
            tx.execute("DELETE FROM question WHERE stay = ANY(%s)", (stays,))
            erasing.entries(tx, ids)
            erasing.windows(tx, windows)
            erasing.visits(tx, visits)
            erasing.scores(tx, numbers)
            studies.forget(tx, gone_studies)
            erasing.lists(tx, numbers)
            tx.execute("DELETE FROM consent WHERE given AND (system, value) IN (SELECT * FROM unnest(%s::text[], %s::text[]))", pairs)
            ours = "(old_system, old) IN (SELECT * FROM unnest(%s::text[], %s::text[]))"
            tx.execute(f"DELETE FROM alias WHERE kind = 'person' AND {ours}".encode(), pairs)
            done = Erased(len(ids), len(windows), len(visits), payloads)
            gone = sorted({*map(str, about), *told})
            append(tx, [Fact(run, 1, "erased", 1, dump({"erased": done, "by": by, "reason": reason.strip(), "gone": gone}))], now_us)
        return done


def _ids(tx: Tx, sql: str, of: Sequence[UUID]) -> set[UUID]:
    return {row[0] for row in tx.execute(sql.encode(), (list(of),)).fetchall()}


def _reads(visits: Iterable[Identifier]) -> list[str]:
    """How the trail's payloads of reads name a visit."""
    return [f'"encounter":{dump(name)}' for one in visits for name in (one.value, f"{one.system}|{one.value}")]
