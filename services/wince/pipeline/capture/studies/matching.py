"""Held objects are looked up in the census; those whose patient's visit is found are bound to it."""

from __future__ import annotations

from dataclasses import replace

from wince.clock import Clock, wall_us
from wince.domain.census import Kind
from wince.domain.stay import Identifier, Stay, Watch
from wince.domain.study import Held, Person, alone, match
from wince.pipeline.capture.studies.interface import Begin, Identify, Shelf
from wince.store import aliases, stay_rows, stays, studies
from wince.store.database import Database, Tx

AGAIN_US = 10_000_000
"""How long until an object is looked up again."""
BEFORE_US = 60_000_000
"""A watch begins this much before the first picture, and ends as much after the last that the object speaks of."""


class Matcher:
    """`look` is one pass. `begin`: see interface.py."""

    def __init__(
        self, database: Database, shelf: Shelf, identify: Identify, begin: Begin, *, ahead_us: int = 0, clock: Clock = wall_us
    ) -> None:
        self._database, self._shelf, self._identify, self._begin = database, shelf, identify, begin
        self._ahead_us, self._clock = ahead_us, clock

    def look(self) -> int:
        """Look held objects up; how many were bound. Raises StoreError, Unavailable."""
        now_us, bound = self._clock(), 0
        with self._database.transaction() as tx:
            for study in studies.to_match(tx, self._shelf.place, now_us - AGAIN_US):
                bound += self._one(tx, study, now_us)
        return bound

    def _one(self, tx: Tx, study: studies.Study, now_us: int) -> bool:
        facts = study.facts
        patient = study.patient or self._identify(facts)  # settings may know more than when it came
        if isinstance(patient, Held):
            studies.hold(tx, study, patient, now_us)
            return False
        wrong = alone(replace(facts, patient=patient.value), now_us=now_us, ahead_us=self._ahead_us)
        if wrong is not None:
            studies.hold(tx, study, wrong, now_us)
            return False
        known = known_stays(tx, patient)
        found = match(facts, known, by_hand=study.patient is not None and study.by_hand)
        if isinstance(found, Held):
            studies.hold(tx, study, found, now_us)
            return False
        assert facts.at_us is not None
        origin_us = self._begin(facts.at_us, found.bed)
        studies.bind(tx, study, Person(found.patient, found.encounter), origin_us, now_us)
        end_us = facts.at_us + facts.duration_us + BEFORE_US
        stays.add_watches(tx, [Watch(study.instance, found.bed, origin_us - BEFORE_US, end_us, now_us)])
        return True


def known_stays(tx: Tx, patient: Identifier) -> list[Stay]:
    """Every believed stay of a patient, under all numbers of the patient."""
    pairs = aliases.arrays(aliases.numbers(tx, Kind.PERSON, patient))
    where = (
        "superseded_us IS NULL AND (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY start_us, row_id"
    )
    return stay_rows.read(tx, where, pairs)
