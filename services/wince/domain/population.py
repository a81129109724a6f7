"""Ages, and whom a protocol may judge. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Age:
    """A span of life in whole calendar years, months or days, as in "18y", "6m", "28d"."""

    count: int
    unit: str
    """y, m or d."""

    @classmethod
    def parse(cls, text: str) -> Age:
        """From text such as "18y". Raises ValueError.

        >>> Age.parse("28d")
        Age(count=28, unit='d')
        """
        match = re.fullmatch(r"(\d{1,5})([ymd])", text)
        if match is None:
            raise ValueError("must be whole years, months or days, such as 18y, 6m or 28d")
        return cls(int(match[1]), match[2])

    def reached(self, birth: date, on: date) -> bool:
        """True from the day on which somebody born on `birth` is this old.

        >>> Age(18, "y").reached(date(2008, 2, 29), date(2026, 3, 1))
        True
        """
        if self.unit == "d":
            return (on - birth).days >= self.count
        months = (on.year - birth.year) * 12 + on.month - birth.month - (on.day < birth.day)
        return months >= self.count * (12 if self.unit == "y" else 1)

    @property
    def months(self) -> float:
        """Length in months; days count as 1/30.44 of one.

        >>> Age(18, "y").months
        216
        """
        return self.count * {"y": 12, "m": 1, "d": 1 / 30.44}[self.unit]

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"


@dataclass(frozen=True, slots=True)
class Population:
    """[population]: whom the protocol may judge. Who doesn't fit, or whose age is unknown under an age limit, gets no grade."""

    name: str
    """Whom, in words."""
    min_age: Age | None = None
    """From this age on; None: no lower limit."""
    max_age: Age | None = None
    """Below this age; None: no upper limit."""
    state: str = "any"
    """awake, sedated or any; set per patient by a nurse, shown to readers."""
    inclusions: tuple[str, ...] = ()
    """Conditions that must hold, for people to heed."""
    exclusions: tuple[str, ...] = ()
    """Conditions for people to heed; they aren't in the census."""

    @property
    def needs_age(self) -> bool:
        """Whether nobody of unknown age fits."""
        return self.min_age is not None or self.max_age is not None

    def fits(self, birth: date | None, on: date) -> bool:
        """Whether somebody born on `birth` may be judged on the day `on`."""
        if not self.needs_age:
            return True
        if birth is None or birth > on:
            return False
        old_enough = self.min_age is None or self.min_age.reached(birth, on)
        young_enough = self.max_age is None or not self.max_age.reached(birth, on)
        return old_enough and young_enough
