"""Which protocol looks at whom: a site's rules in order, by ward, bed, age and gestational age. Pure.

For one stay the answer is a list: one protocol grades, that of the first rule which fits; protocols of fitting `shadow` rules look on, and
nothing of theirs reaches the record. A rule fits where its place does, its ages do, and its protocol may judge that patient
([population]). Who fits no rule is graded by nobody: the protocol that would be the default says so in every window.

Where nobody is known to lie in the bed, only the place counts: such windows are kept, nothing of them is charted, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from wince.domain.population import Age, Population


class Role(StrEnum):
    """What a protocol does with a patient."""

    GRADE = "grade"
    """Its grades are charted, its alerts are sent, its questions are asked."""
    SHADOW = "shadow"
    """Its assessments are kept, marked as a shadow's, and nothing else comes of them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. What is absent or empty always fits."""

    protocol: str
    role: Role = Role.GRADE
    wards: tuple[str, ...] = ()
    """Wards as the hospital writes them (PV1-3.1)."""
    beds: tuple[str, ...] = ()
    """Beds, POINTOFCARE^ROOM^BED."""
    from_age: Age | None = None
    """From this age on."""
    to_age: Age | None = None
    """Below this age."""
    from_gestation: int | None = None
    """From this gestational age at birth on, whole weeks."""
    to_gestation: int | None = None
    """Below it."""

    def at(self, bed: str) -> bool:
        """Whether a bed is one of its places; "" is a camera without a bed."""
        return (not self.wards or ward_of(bed) in self.wards) and (not self.beds or bed in self.beds)


@dataclass(frozen=True, slots=True)
class Person:
    """What counts of who lies there."""

    born: date | None
    gestation_weeks: float | None = None
    """Gestational age at birth; None: unknown."""


@dataclass(frozen=True, slots=True)
class Route:
    """The answer for one stay."""

    grades: str | None
    """The protocol that grades; None: none does."""
    shadows: tuple[str, ...]
    """Protocols that look on, in the order of their rules."""
    why: tuple[str, ...]
    """What each rule came to, in order. No PHI."""

    def role(self, protocol: str) -> Role | None:
        """What a protocol does with this stay; None: nothing."""
        if protocol == self.grades:
            return Role.GRADE
        return Role.SHADOW if protocol in self.shadows else None


@dataclass(frozen=True, slots=True)
class Routing:
    """A site's rules."""

    default: str
    """The protocol that says so where none fits; without rules, the one that looks at everybody."""
    rules: tuple[Rule, ...] = ()
    populations: Mapping[str, Population] = field(default_factory=dict)
    """Of every protocol that a rule names, and the default's."""

    def candidates(self, bed: str) -> tuple[str, ...]:
        """Protocols that may have to look at a bed, for any patient: what its camera's faces are scored with."""
        return tuple(dict.fromkeys(rule.protocol for rule in self._rules if rule.at(bed)))

    def route(self, bed: str, person: Person | None, on: date) -> Route:
        """Who looks at a person in a bed on a day. `person` None: nobody is known to lie there, or two are claimed."""
        grades: str | None = None
        shadows: list[str] = []
        why: list[str] = []
        for rule in self._rules:
            against = self._against(rule, bed, person, on)
            if against is None and rule.role is Role.GRADE and grades is not None:
                against = f"{grades} grades already"
            why.append(f"{rule.protocol}: {against or rule.role.value + 's'}")
            if against is None and rule.role is Role.GRADE:
                grades = rule.protocol
            elif against is None:
                shadows.append(rule.protocol)
        speaks = self.default if grades is None else grades
        looking = dict.fromkeys(name for name in shadows if name != speaks)
        return Route(grades, tuple(looking), tuple(why))

    @property
    def _rules(self) -> Sequence[Rule]:
        return self.rules or (Rule(self.default),)

    def _against(self, rule: Rule, bed: str, person: Person | None, on: date) -> str | None:
        """Why a rule does not fit; None: it does."""
        if not rule.at(bed):
            return "another place"
        if person is None:
            return None
        population = self.populations.get(rule.protocol)
        limits = [Population("rule", rule.from_age, rule.to_age), *([population] if population else [])]
        if person.born is None and any(one.needs_age for one in limits):
            return "needs an age, and none is known"
        if not limits[0].fits(person.born, on):
            return f"not {_span(rule.from_age, rule.to_age)}"
        if population is not None and not population.fits(person.born, on):
            return f"not of its population ({population.name})"
        return _gestation(rule, person.gestation_weeks)


def ward_of(bed: str) -> str:
    """The ward of a bed, PV1-3.1.

    >>> ward_of("ICU^101^A")
    'ICU'
    """
    return bed.partition("^")[0]


def _gestation(rule: Rule, weeks: float | None) -> str | None:
    low, high = rule.from_gestation, rule.to_gestation
    if low is None and high is None:
        return None
    if weeks is None:
        return "needs a gestational age, and none is known"
    fits = (low is None or weeks >= low) and (high is None or weeks < high)
    return None if fits else f"not {_span(low, high)} weeks of gestation"


def _span(low: object, high: object) -> str:
    return " ".join([*(["from", str(low)] if low is not None else []), *(["below", str(high)] if high is not None else [])])
