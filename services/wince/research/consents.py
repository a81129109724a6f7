"""Who agreed that their data is given to research, and who withdrew that."""

from __future__ import annotations

import re
from uuid import UUID, uuid4

from wince.clock import Clock, wall_us
from wince.codec import checks
from wince.domain.census import Kind
from wince.domain.stay import Identifier
from wince.errors import MessageError, Refused
from wince.rpc.errors import NotFound
from wince.store import research as store
from wince.store import scope as scopes
from wince.store import withheld
from wince.store.access import note
from wince.store.database import Database, Tx
from wince.store.research import Export, ResearchConsent

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")


def word(text: str, field: str) -> str:
    """A name of a study or a form, which goes into exports: no text in which a patient's name could stand. Raises MessageError."""
    if not _WORD.fullmatch(text):
        remedy = "a name such as ethics-2026-014: letters, digits, . _ / -, at most 64"
        raise MessageError("is no name", field=field, remedy=remedy)
    return text


class Consents:
    """Blocks for the database. `caller`: who asks, for the audit trail. Raises StoreError, Unavailable, and what each method says."""

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def say(self, patient: str, given: bool, basis: str, nurse: str, caller: str) -> list[tuple[UUID, str]]:
        """Write down what a person said; (export, pseudonym) of whatever a recipient is to delete now.

        Raises MessageError, NotFound, Refused (two authorities use the number).
        """
        checks.author(nurse, "nurse")
        word(basis, "basis")
        with self._database.transaction() as tx:
            said = ResearchConsent(_one(tx, patient), given, basis, nurse.strip())
            return store.say(tx, said, uuid4(), caller, self._clock())

    def listed(self, limit: int, caller: str) -> list[ResearchConsent]:
        """The latest word of each number, the latest first. The trail says who looked."""
        with self._database.transaction() as tx:
            found = store.consents(tx, limit)
            note(tx, caller, "wince research consents", {}, self._clock())
        return found

    def exports(self) -> list[tuple[Export, int]]:
        """Every export, the latest first, and how many of its people withdrew."""
        with self._database.transaction() as tx:
            return store.exports(tx)

    def withdrawn(self, export: UUID) -> list[str]:
        """Pseudonyms that the recipient of an export is to delete. Raises NotFound."""
        with self._database.transaction() as tx:
            found = store.withdrawn(tx, export)
        if found is None:
            raise NotFound("there is no such export", field="export", remedy="`wince research exports` lists them")
        return found


def _one(tx: Tx, text: str) -> Identifier:
    number, system = scopes.split(text)
    found = withheld.patients(tx, number, system)
    if not found and system:  # said before they came
        return scopes.standing(tx, Kind.PERSON, [Identifier(system, number)])[0]
    if not found:
        raise NotFound("there is no such patient", field="patient", remedy="of one who is not here yet, give authority|number")
    if len(found) > 1:
        raise Refused("two authorities use this number", field="patient", remedy="give authority|number")
    return found[0]
