"""Which numbers mean one person, and one visit: a hospital merges records, and an old number then means the survivor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from wince.domain.stay import Identifier, Stay


class Named(Protocol):
    """Whatever names a person and a visit: a stay, an entry."""

    @property
    def patient(self) -> Identifier:
        """MRN with its authority."""
        ...

    @property
    def encounter(self) -> Identifier:
        """Visit number with its authority."""
        ...


@dataclass(frozen=True, slots=True)
class Persons:
    """Old numbers, each with what it means now. Chains are followed to their end."""

    patients: Mapping[Identifier, Identifier] = field(default_factory=dict)
    encounters: Mapping[Identifier, Identifier] = field(default_factory=dict)

    def same(self, one: Named, other: Named) -> bool:
        """Whether two are of one person and one visit: what was written to an old number stands."""
        return last(self.patients, one.patient) == last(self.patients, other.patient) and self.visit(one.encounter) == self.visit(
            other.encounter
        )

    def visit(self, encounter: Identifier) -> Identifier:
        """What a visit's number means now."""
        return last(self.encounters, encounter)

    def now(self, stay: Stay) -> Stay:
        """A stay under the numbers that stand now."""
        patient, encounter = last(self.patients, stay.patient), self.visit(stay.encounter)
        return stay if (patient, encounter) == (stay.patient, stay.encounter) else replace(stay, patient=patient, encounter=encounter)


def last(means: Mapping[Identifier, Identifier], number: Identifier) -> Identifier:
    """What a number means now.

    >>> a, b, c = (Identifier("urn:x", one) for one in "abc")
    >>> last({a: b, b: c}, a).value
    'c'
    >>> last({a: b, b: a}, a).value  # two hospitals' messages may say so
    'b'
    """
    seen = {number}
    while (after := means.get(number)) is not None and after not in seen:
        seen.add(after)
        number = after
    return number
