"""What is known inside the transaction of a change: keeps the promises of hospital's port (wince/hospital/interface.py, Inside)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from wince.domain.census import Kind, Movement, Revision
from wince.domain.stay import Identifier, Stay
from wince.store import aliases, plain, stay_rows
from wince.store.database import Tx
from wince.store.inbox import Use
from wince.store.taken import Taken


class Inside:
    """Reads in one transaction; remembers which number stands for which, and, of what a batch speaks of, what was read `ahead` of it,
    until something of it is changed."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._taken = Taken(tx)
        self._movements: dict[Identifier, list[Movement]] = {}
        self._believed: dict[Identifier, list[Stay]] = {}
        self._beds: dict[str, list[Stay]] = {}
        self._stands: dict[tuple[Kind, Identifier], Identifier] = {}
        self._merged: bool | None = None

    def survivor(self, kind: Kind, identifier: Identifier) -> Identifier:
        """See Inside.survivor."""
        return self._resolve(kind, [identifier])[0]

    def ahead(self, visits: Collection[Identifier], beds: Collection[str]) -> None:
        """Read what is known of these visits (by the numbers that stand) and beds in three statements."""
        self._movements |= self._movements_of(visits)
        self._believed |= self._believed_of(visits)
        self._beds |= {bed: [] for bed in beds}
        for stay in stay_rows.read(self._tx, "bed = ANY(%s) AND superseded_us IS NULL ORDER BY start_us", (list(beds),)):
            self._beds[stay.bed].append(stay)

    def take(self, use: Use, movements: Sequence[Movement], revision: Revision) -> None:
        """What a message comes to; it is written before any of it is read, and by `write`."""
        for stay in (*revision.supersede, *revision.add):
            self._beds.pop(stay.bed, None)
        encounters = {one.encounter for one in movements} | {one.encounter for one in (*revision.supersede, *revision.add)}
        for encounter in encounters:
            visit = self.survivor(Kind.VISIT, encounter)
            self._movements.pop(visit, None)
            self._believed.pop(visit, None)
        self._taken.add(use, movements, revision)

    def write(self) -> None:
        """Write what was taken."""
        self._taken.write()

    def movements(self, visit: Identifier) -> list[Movement]:
        """See Inside.movements."""
        if visit not in self._movements:
            self.write()
            return self._movements_of([visit])[visit]
        return self._movements[visit]

    def _movements_of(self, visits: Collection[Identifier]) -> dict[Identifier, list[Movement]]:
        of = self._numbers(Kind.VISIT, visits)
        rows = self._tx.execute(
            "SELECT encounter_system, encounter, body FROM movement"
            " WHERE (encounter_system, encounter) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY seq",
            aliases.arrays(list(of)),
        ).fetchall()
        kept = [(of[Identifier(system, value)], plain.load(Movement, body)) for system, value, body in rows]
        persons = self._resolve(Kind.PERSON, [movement.patient for _, movement in kept])
        found: dict[Identifier, list[Movement]] = {visit: [] for visit in visits}
        for (visit, movement), person in zip(kept, persons, strict=True):
            sent = movement.encounter if movement.encounter != visit else None
            found[visit].append(replace(movement, encounter=visit, patient=person, sent=sent))
        return found

    def believed(self, visit: Identifier) -> list[Stay]:
        """See Inside.believed."""
        if visit not in self._believed:
            self.write()
            return self._believed_of([visit])[visit]
        return self._believed[visit]

    def _believed_of(self, visits: Collection[Identifier]) -> dict[Identifier, list[Stay]]:
        of = self._numbers(Kind.VISIT, visits)
        found: dict[Identifier, list[Stay]] = {visit: [] for visit in visits}
        for stay in self._stays("(encounter_system, encounter)", list(of)):
            found[of[stay.encounter]].append(stay)
        return found

    def stays_of(self, person: Identifier) -> list[Stay]:
        """See Inside.stays_of."""
        self.write()
        return self._stays("(patient_system, patient)", list(self._numbers(Kind.PERSON, [person])))

    def in_bed(self, bed: str) -> list[Stay]:
        """See Inside.in_bed."""
        if bed not in self._beds:
            self.write()
            return stay_rows.read(self._tx, "bed = %s AND superseded_us IS NULL ORDER BY start_us", (bed,))
        return self._beds[bed]

    def _stays(self, columns: str, numbers: list[Identifier]) -> list[Stay]:
        where = f"{columns} IN (SELECT * FROM unnest(%s::text[], %s::text[])) AND superseded_us IS NULL ORDER BY start_us, row_id"
        return stay_rows.read(self._tx, where, aliases.arrays(numbers))

    def _numbers(self, kind: Kind, identifiers: Collection[Identifier]) -> dict[Identifier, Identifier]:
        """Every number of these visits (persons) -> that of them which it means."""
        if not self._any():
            return {one: one for one in identifiers}
        return {number: one for one, all_of_it in aliases.numbers_of(self._tx, kind, identifiers).items() for number in all_of_it}

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
