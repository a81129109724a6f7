"""A census from outside (a file, a FHIR server) and where it differs from what is believed. Message types only; PHI, never logged.

A list says who lay where at its own moment. What the hospital's messages said later than that moment wins over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wince.domain.stay import Identifier, Stay


@dataclass(frozen=True, slots=True)
class Listed:
    """One patient in one bed, as a list has it."""

    patient: Identifier
    """Medical record number with its assigning authority."""
    encounter: Identifier
    """Visit number with its assigning authority."""
    bed: str
    """ "POINTOFCARE^ROOM^BED", as PV1-3 would have it."""
    since_us: int | None = None
    """In this bed from then on, microseconds UTC; None: the list doesn't say, so since the list's moment."""
    birth_date: date | None = None

    @property
    def ward(self) -> str:
        """Point of care of the bed."""
        return self.bed.partition("^")[0]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a list that can't be used. No PHI: a place and a reason in our own words."""

    where: str
    """Such as "line 7, column bed" or "Encounter 3 of the answer, location"."""
    why: str


@dataclass(frozen=True, slots=True)
class CensusList:
    """Who lay where at a moment, as somebody else says."""

    origin: str
    """What gave it: "csv" or "fhir"."""
    moment_us: int
    """When it was so, microseconds UTC."""
    rows: tuple[Listed, ...]
    wards: frozenset[str]
    """Wards of which it tells everybody: who is believed there and isn't listed is missing from it."""
    bad: tuple[BadRow, ...] = ()
    """Rows that were left out."""


class Difference(StrEnum):
    """Where a list and what is believed say other things of a bed."""

    MISSING_HERE = "missing_here"
    """Listed in a bed that is believed to be empty, and believed in no other."""
    MISSING_THERE = "missing_there"
    """Believed in a bed of a ward that the list tells, and not listed."""
    ANOTHER_BED = "another_bed"
    """The visit is listed in another bed than is believed."""
    ANOTHER_PATIENT = "another_patient"
    """Somebody else is believed in the bed, or the visit is believed to be another patient's."""
    IN_NO_BED = "in_no_bed"
    """Listed, and the visit is known and believed to lie in no bed any more: discharged, on leave."""
    TWO_IN_BED = "two_in_bed"
    """The list has two visits in one bed, or one visit in two beds."""


@dataclass(frozen=True, slots=True)
class Differing:
    """One bed of which a list and what is believed say other things."""

    kind: Difference
    bed: str
    listed: tuple[Listed, ...] = ()
    """Whom the list has in the bed."""
    believed: tuple[Stay, ...] = ()
    """Whom Wince believes in the bed, and for ANOTHER_BED where the listed visit is believed."""

    @property
    def contradicts(self) -> bool:
        """Whether a person must decide. Only who is missing here, in a bed that is free, can be taken in as the list says."""
        return self.kind is not Difference.MISSING_HERE

    @property
    def beds(self) -> frozenset[str]:
        """Every bed of which it is not sure who lies there, where it contradicts."""
        return frozenset({self.bed, *(stay.bed for stay in self.believed), *(row.bed for row in self.listed)})


@dataclass(frozen=True, slots=True)
class Compared:
    """A list against what is believed."""

    agreed: int
    """Listed visits that are believed in the same bed."""
    differing: tuple[Differing, ...] = ()
    """By bed."""
    newer: int = 0
    """Listed or believed visits that the hospital's messages spoke of after the list's moment: those win, and are no difference."""
