"""What is known inside the transaction of a change: keeps the promises of hospital's port (wince/hospital/interface.py, Inside)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wince.domain.census import Kind, Movement
from wince.domain.stay import Identifier, Stay
from wince.store import aliases, plain, stay_rows
from wince.store.database import Tx


class Inside:
    """Reads in one transaction; remembers which number stands for which."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._stands: dict[tuple[Kind, Identifier], Identifier] = {}
        self._merged: bool | None = None

    def survivor(self, kind: Kind, identifier: Identifier) -> Identifier:
        """See Inside.survivor."""
        return self._resolve(kind, [identifier])[0]

    def movements(self, visit: Identifier) -> list[Movement]:
        """See Inside.movements."""
        rows = self._tx.execute(
            "SELECT body FROM movement WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY seq",
            aliases.arrays(self._numbers(Kind.VISIT, visit)),
        ).fetchall()
        kept = [plain.load(Movement, body) for (body,) in rows]
        persons = self._resolve(Kind.PERSON, [movement.patient for movement in kept])
        return [
            replace(movement, encounter=visit, patient=person, sent=movement.encounter if movement.encounter != visit else None)
            for movement, person in zip(kept, persons, strict=True)
        ]

    def believed(self, visit: Identifier) -> list[Stay]:
        """See Inside.believed."""
        return self._stays("(encounter_system, encounter)", self._numbers(Kind.VISIT, visit))

    def stays_of(self, person: Identifier) -> list[Stay]:
        """See Inside.stays_of."""
        return self._stays("(patient_system, patient)", self._numbers(Kind.PERSON, person))

    def in_bed(self, bed: str) -> list[Stay]:
        """See Inside.in_bed."""
        return stay_rows.read(self._tx, "bed = %s AND superseded_us IS NULL ORDER BY start_us", (bed,))

    def _stays(self, columns: str, numbers: list[Identifier]) -> list[Stay]:
        where = f"{columns} IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND superseded_us IS NULL ORDER BY start_us, row_id"
        return stay_rows.read(self._tx, where, aliases.arrays(numbers))

    def _numbers(self, kind: Kind, identifier: Identifier) -> list[Identifier]:
        return aliases.numbers(self._tx, kind, identifier) if self._any() else [identifier]

    def _any(self) -> bool:
        """Whether anything was ever merged; asked once, since links can't come meanwhile."""
        if self._merged is None:
            self._merged = aliases.merged(self._tx)
        return self._merged

    def _resolve(self, kind: Kind, identifiers: Iterable[Identifier]) -> list[Identifier]:
        wanted = list(identifiers)
        if not self._any():
            return wanted
        missing = {one for one in wanted if (kind, one) not in self._stands}
        if missing:
            self._stands.update({(kind, one): stands for one, stands in aliases.survivors(self._tx, kind, missing).items()})
        return [self._stands[kind, one] for one in wanted]
