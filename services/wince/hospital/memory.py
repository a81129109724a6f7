"""A census in memory: for tests and for trying the listener without a database. Forgets everything with its process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from wince.domain.census import Applied, MessageKey, Movement, Outcome, Revision
from wince.domain.stay import Identifier, Stay
from wince.errors import IntegrityError
from wince.hospital.interface import Revise


class MemoryCensus:
    """Census in memory; one lock is its transaction."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._keys: dict[tuple[str, str, str], str] = {}
        self._movements: dict[Identifier, list[Movement]] = {}
        self._rows: list[Stay] = []
        self.trail: list[tuple[MessageKey, str, str]] = []
        """What was audited: key, event, detail."""

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """See Census.apply."""
        with self._lock:
            name = (movement.key.application, movement.key.facility, movement.key.control_id)
            if name in self._keys:
                if self._keys[name] != movement.key.digest:
                    raise IntegrityError("another message under a known key", field="MSH-10", remedy="number each message once")
                return Applied(Outcome.DUPLICATE, Revision())
            movements = [*self._movements.get(movement.encounter, []), movement]
            believed = [stay for stay in self._rows if stay.superseded_us is None and stay.encounter == movement.encounter]
            revision = revise(movements, believed, self._in_bed)
            gone = set(revision.supersede)
            self._rows = [replace(row, superseded_us=revision.recorded_us) if row in gone else row for row in self._rows]
            self._rows.extend(revision.add)
            self._movements[movement.encounter] = movements
            self._keys[name] = movement.key.digest
            self.trail.append((movement.key, "adt", " ".join((movement.trigger, *revision.notes))))
            return Applied(Outcome.APPLIED, revision)

    def audit(self, key: MessageKey, event: str, detail: str) -> None:
        """See Census.audit."""
        with self._lock:
            if not any((known, kind) == (key, event) for known, kind, _ in self.trail):
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

    def _in_bed(self, bed: str) -> Sequence[Stay]:
        return [row for row in self._rows if row.bed == bed and row.superseded_us is None]


def _believed(row: Stay, as_of_us: int | None) -> bool:
    if as_of_us is None:
        return row.superseded_us is None
    return row.recorded_us <= as_of_us and (row.superseded_us is None or as_of_us < row.superseded_us)
