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
        now_us = self._clock()
        with self._database.transaction() as tx:
            found = [(study, self._matched(tx, study, now_us)) for study in studies.to_match(tx, self._shelf.place, now_us - AGAIN_US)]
            bound = [(study, stay, self._begins(study, stay)) for study, stay in found if isinstance(stay, Stay)]
            stays.add_watches(tx, [_watch(study, stay, origin_us, now_us) for study, stay, origin_us in bound])
            # What the trail is told comes last: from its first link on every writer of the installation waits for us.
            for study, held in found:
                if isinstance(held, Held):
                    studies.hold(tx, study, held, now_us)
            for study, stay, origin_us in bound:
                studies.bind(tx, study, Person(stay.patient, stay.encounter), origin_us, now_us)
        return len(bound)

    def _matched(self, tx: Tx, study: studies.Study, now_us: int) -> Stay | Held:
        """The stay in which its patient lay, or why none is known."""
        facts = study.facts
        patient = study.patient or self._identify(facts)  # settings may know more than when it came
        if isinstance(patient, Held):
            return patient
        wrong = alone(replace(facts, patient=patient.value), now_us=now_us, ahead_us=self._ahead_us)
        if wrong is not None:
            return wrong
        return match(facts, known_stays(tx, patient), by_hand=study.patient is not None and study.by_hand)

    def _begins(self, study: studies.Study, stay: Stay) -> int:
        assert study.facts.at_us is not None
        return self._begin(study.facts.at_us, stay.bed)


def _watch(study: studies.Study, stay: Stay, origin_us: int, now_us: int) -> Watch:
    assert study.facts.at_us is not None
    end_us = study.facts.at_us + study.facts.duration_us + BEFORE_US
    return Watch(study.instance, stay.bed, origin_us - BEFORE_US, end_us, now_us)


def known_stays(tx: Tx, patient: Identifier) -> list[Stay]:
    """Every believed stay of a patient, under all numbers of the patient."""
    pairs = aliases.arrays(aliases.numbers(tx, Kind.PERSON, patient))
    where = (
        "superseded_us IS NULL AND (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY start_us, row_id"
    )
    return stay_rows.read(tx, where, pairs)
