"""A census in memory: for tests and for trying the listener without a database. Forgets everything with its process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from wince.clock import Clock, wall_us
from wince.domain.aliases import survivors
from wince.domain.census import CONTROL_ID_AGAIN, Applied, Change, Kind, Link, MessageKey, Movement, Outcome, Revision
from wince.domain.stay import Identifier, Stay
from wince.errors import IntegrityError
from wince.hospital.interface import Decide, Revise, one_by_one
from wince.hospital.site import DAY_US


class MemoryCensus:
    """Census in memory; one lock is its transaction."""

    def __init__(self, clock: Clock = wall_us, window_us: int = DAY_US) -> None:
        """`window_us`: a used control id with other content is a new message if it was sent at least this much later; 0: never."""
        self._lock = threading.RLock()
        self._clock, self._window_us = clock, window_us
        self._keys: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
        self._audited: dict[tuple[tuple[str, str, str], str], int] = {}
        self._movements: list[Movement] = []
        self._links: list[Link] = []
        self._rows: list[Stay] = []
        self.trail: list[tuple[MessageKey, str, str]] = []
        """What was audited: key, event, detail."""

    def commit(self, change: Change, decide: Decide) -> Applied:
        """See Census.commit."""
        with self._lock:
            used = self._keys.get(_name(change.key), [])
            if any(digest == change.key.digest for digest, _ in used):
                return Applied(Outcome.DUPLICATE, Revision())
            if any(not self._window_us or abs(change.sent_us - sent_us) < self._window_us for _, sent_us in used):
                raise IntegrityError("another message under a known key", field="MSH-10", remedy="number each message once")
            again = [CONTROL_ID_AGAIN] if used else []
            inside = _Inside([*self._links, *change.links], self._movements, self._rows)
            revision = decide(change, inside)
            gone = set(revision.supersede)
            self._links.extend(change.links)
            self._rows = [replace(row, superseded_us=revision.recorded_us) if row in gone else row for row in self._rows]
            self._rows.extend(revision.add)
            self._movements.extend(change.movements if revision.settled is None else revision.settled)
            self._keys[_name(change.key)] = [*used, (change.key.digest, change.sent_us)]
            self.trail.append((change.key, "adt", " ".join((change.trigger, *revision.notes, *again))))
            return Applied(Outcome.APPLIED, revision)

    def commit_all(self, changes: Sequence[tuple[Change, Decide]]) -> list[Applied]:
        """See Census.commit_all."""
        with self._lock:
            kept = (dict(self._keys), list(self._movements), list(self._links), list(self._rows), list(self.trail))
            try:
                return [self.commit(change, decide) for change, decide in changes]
            except Exception:
                self._keys, self._movements, self._links, self._rows, self.trail = kept
                raise

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """See Census.apply."""
        return self.commit(Change.of(movement), one_by_one(revise))

    def audit(self, key: MessageKey, event: str, detail: str) -> None:
        """See Census.audit."""
        with self._lock:
            last, now_us = self._audited.get((_name(key), event)), self._clock()
            if last is None or (self._window_us and now_us - last >= self._window_us):
                self._audited[_name(key), event] = now_us
                self.trail.append((key, event, detail))

    def stays(self, bed: str, start_us: int, end_us: int | None, as_of_us: int | None = None) -> list[Stay]:
        """See Census.stays."""
        with self._lock:
            rows = [row for row in self._rows if row.bed == bed and _believed(row, as_of_us)]
        rows = [row for row in rows if (row.end_us is None or row.end_us > start_us) and (end_us is None or row.start_us < end_us)]
        return sorted(rows, key=lambda row: (row.start_us, row.recorded_us))

    def current(self) -> list[Stay]:
        """See Census.current."""
        with self._lock:
            rows = [row for row in self._rows if row.superseded_us is None and row.end_us is None]
        return sorted(rows, key=lambda row: (row.bed, row.start_us))


class _Inside:
    """hospital.interface.Inside over lists."""

    def __init__(self, links: Sequence[Link], movements: Sequence[Movement], rows: Sequence[Stay]) -> None:
        self._stands = {kind: survivors(link for link in links if link.kind is kind) for kind in Kind}
        self._movements = movements
        self._rows = sorted((row for row in rows if row.superseded_us is None), key=lambda row: (row.start_us, row.recorded_us))

    def survivor(self, kind: Kind, identifier: Identifier) -> Identifier:
        return self._stands[kind].get(identifier, identifier)

    def movements(self, visit: Identifier) -> list[Movement]:
        return [
            replace(
                movement,
                encounter=visit,
                patient=self.survivor(Kind.PERSON, movement.patient),
                sent=movement.encounter if movement.encounter != visit else None,
            )
            for movement in self._movements
            if self.survivor(Kind.VISIT, movement.encounter) == visit
        ]

    def believed(self, visit: Identifier) -> list[Stay]:
        return [row for row in self._rows if self.survivor(Kind.VISIT, row.encounter) == visit]

    def stays_of(self, person: Identifier) -> list[Stay]:
        return [row for row in self._rows if self.survivor(Kind.PERSON, row.patient) == person]

    def in_bed(self, bed: str) -> list[Stay]:
        return [row for row in self._rows if row.bed == bed]


def _name(key: MessageKey) -> tuple[str, str, str]:
    return key.application, key.facility, key.control_id


def _believed(row: Stay, as_of_us: int | None) -> bool:
    if as_of_us is None:
        return row.superseded_us is None
    return row.recorded_us <= as_of_us and (row.superseded_us is None or as_of_us < row.superseded_us)
