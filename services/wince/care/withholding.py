"""Switching Wince off and on, and writing consent down: by gRPC and by the command line. One transaction each, audited.

A switch never asks who lies where: it holds from its commit on, whatever else is broken. Capture sees it within a second or two, record at
once, delivery before its next row.
"""

from __future__ import annotations

from wince.clock import Clock, wall_us
from wince.codec import checks
from wince.domain.ids import ROOT, make
from wince.domain.routing import ward_of
from wince.domain.stay import Identifier
from wince.domain.withheld import Consent, Scope, Switch
from wince.errors import MessageError, Refused
from wince.rpc.errors import NotFound
from wince.store import scope as scopes
from wince.store import withheld as store
from wince.store.access import note
from wince.store.database import Database, Tx
from wince.store.locks import Lock, take_named

LONGEST = 500
"""Characters of a reason."""
SHOWN = 12
"""Beds or wards that a remedy names."""


class Withholding:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail.

    Raises StoreError, Unavailable, ResourceError (ask again), and what each method says.
    """

    def __init__(self, database: Database, clock: Clock = wall_us) -> None:
        self._database, self._clock = database, clock

    def off(self, scope: Scope, name: str, reason: str, caller: str) -> Switch:
        """Switch off. Raises MessageError (no reason), NotFound (no camera ever watched that bed or ward)."""
        with self._database.transaction() as tx:
            _checked(scope, name, reason)
            _known(tx, scope, name)
            return store.switch_off(tx, scope, name, reason.strip(), caller, self._clock())

    def on(self, scope: Scope, name: str, reason: str, caller: str) -> Switch:
        """Switch on again. Raises MessageError (no reason), NotFound (it is not off)."""
        with self._database.transaction() as tx:
            _checked(scope, name, reason)
            found = store.switch_on(tx, scope, name, reason.strip(), caller, self._clock())
            if found is None:
                still = ", ".join(_words(one) for one in store.off(tx)) or "nothing"
                field = "scope" if scope is Scope.SITE else "name"
                raise NotFound(f"this {scope.value} is not switched off", field=field, remedy=f"what is off now: {still}")
        return found

    def switches(self) -> list[Switch]:
        """What is off now, the widest first."""
        with self._database.transaction() as tx:
            return store.off(tx)

    def past(self) -> list[Switch]:
        """Everything that ever was off, latest first."""
        with self._database.transaction() as tx:
            return store.switches(tx)

    def consent(self, encounter: str, patient: str, given: bool, since_us: int, nurse: str, caller: str) -> Consent:
        """Write down what a patient said. What was said last already changes nothing. Raises MessageError (both or neither named),
        NotFound, Refused (two authorities use the number)."""
        if bool(encounter) == bool(patient):
            raise MessageError("exactly one is needed", field="encounter_id", remedy="name the encounter, or the patient")
        checks.author(nurse, "nurse")
        with self._database.transaction() as tx:
            subject = "encounter" if encounter else "patient"
            about = _one(tx, subject, encounter or patient)
            take_named(tx, Lock.CARE, f"consent {subject} {about.system}|{about.value}")
            said = Consent(subject, about, given, since_us, nurse.strip())
            now_us = self._clock()
            store.say(
                tx, said, make(ROOT, "consent", subject, about.system, about.value, given, since_us, nurse.strip(), now_us), caller, now_us
            )
        return said

    def consents(self, limit: int, caller: str, before: int | None = None) -> list[tuple[int, Consent]]:
        """(number, consent): the latest of each encounter and patient, the latest first. `before`: only those of a lower number."""
        with self._database.transaction() as tx:
            found = store.consents(tx, limit, before)
            note(tx, caller, "ListConsents", {}, self._clock())
        return found


def _checked(scope: Scope, name: str, reason: str) -> None:
    if (scope is Scope.SITE) == bool(name):
        remedy = "a bed or ward has a name, the site has none"
        raise MessageError("must be empty" if name else "must not be empty", field="name", remedy=remedy)
    if not reason.strip() or len(reason) > LONGEST:
        raise MessageError(f"needs 1 to {LONGEST} characters", field="reason", remedy="say why, without a patient's name")


def _known(tx: Tx, scope: Scope, name: str) -> None:
    beds = store.places(tx)
    known = beds if scope is Scope.BED else sorted({ward_of(bed) for bed in beds})
    if scope is not Scope.SITE and name not in known:
        shown = ", ".join(known[:SHOWN]) + (", ..." if len(known) > SHOWN else "")
        remedy = f"one of: {shown}" if shown else "no bed was watched yet: start Wince with its cameras, or switch off the site"
        raise NotFound(f"no camera watches this {scope.value}", field="name", remedy=remedy)


def _one(tx: Tx, subject: str, text: str) -> Identifier:
    number, system = scopes.split(text)
    found = scopes.encounters(tx, text) if subject == "encounter" else store.patients(tx, number, system)
    if not found and system:  # said before they came
        return Identifier(system, number)
    if not found:
        raise NotFound(f"there is no such {subject}", field=subject, remedy="of one that is not here yet, give authority|number")
    if len(found) > 1:
        raise Refused("two authorities use this number", field=subject, remedy="give authority|number")
    return found[0]


def _words(one: Switch) -> str:
    return "the site" if one.scope is Scope.SITE else f"{one.scope.value} {one.name}"
