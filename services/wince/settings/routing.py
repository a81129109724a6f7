"""Which protocol looks at whom."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wince.domain.population import Age
from wince.domain.routing import Role, Rule
from wince.settings.part import Part

EXAMPLES: list[Any] = [
    {"protocol": "neonatal", "wards": ["NICU"], "to_age": "28d", "from_gestation": 28, "to_gestation": 37},
    {"protocol": "icu", "wards": ["ICU"], "from_age": "18y"},
    {"protocol": "activity", "role": "shadow", "beds": ["ICU^101^A"]},
]
"""Rules, for the reference and the example file."""


class RoutingRule(BaseModel):
    """One rule of the list `[[routing]]`. What is left out always fits."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": EXAMPLES})

    protocol: str = Field(min_length=1, max_length=40)
    """Name of the protocol."""
    role: Literal["grade", "shadow"] = "grade"
    """What the protocol does. grade: charts, alerts and asks. shadow: its assessments are kept beside those of the protocol that grades,
    and nothing else comes of them."""
    wards: tuple[str, ...] = ()
    """Wards as in PV1-3.1: the first part of the camera's bed."""
    beds: tuple[str, ...] = ()
    """Beds as in PV1-3: POINTOFCARE^ROOM^BED."""
    from_age: str | None = None
    """From this age on: whole years, months or days, such as 18y, 6m or 28d. Nobody of unknown age fits."""
    to_age: str | None = None
    """Below this age."""
    from_gestation: int | None = Field(default=None, ge=20, le=45)
    """From this gestational age at birth on, whole weeks. No message brings it yet, so such a rule fits nobody who is known."""
    to_gestation: int | None = Field(default=None, ge=20, le=45)
    """Below this gestational age at birth, whole weeks."""

    @field_validator("from_age", "to_age")
    @classmethod
    def _age(cls, value: str | None) -> str | None:
        if value is not None:
            Age.parse(value)
        return value

    @field_validator("wards")
    @classmethod
    def _ward(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not re.fullmatch(r"[^\s^|~\\&][^^|~\\&]*", one) for one in value):
            raise ValueError("needs wards as in PV1-3.1, such as ICU, without ^ | ~ \\ &")
        return value

    @field_validator("beds")
    @classmethod
    def _bed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(one.count("^") not in (2, 3) for one in value):
            raise ValueError("needs beds as POINTOFCARE^ROOM^BED, such as ICU^101^A")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> RoutingRule:
        low, high = (None if one is None else Age.parse(one).months for one in (self.from_age, self.to_age))
        if low is not None and high is not None and low >= high:
            raise ValueError("needs from_age below to_age")
        if self.from_gestation is not None and self.to_gestation is not None and self.from_gestation >= self.to_gestation:
            raise ValueError("needs from_gestation below to_gestation")
        return self

    def rule(self) -> Rule:
        """As the domain has it."""
        low, high = (None if one is None else Age.parse(one) for one in (self.from_age, self.to_age))
        return Rule(self.protocol, Role(self.role), self.wards, self.beds, low, high, self.from_gestation, self.to_gestation)


class Routing(Part):
    """Routing

    Which protocol looks at whom.
    """

    routing: tuple[RoutingRule, ...] = ()
    """Which protocol looks at whom, each rule in a table `[[routing]]`. The first rule that fits a patient grades; rules with the role
    shadow look on. A rule fits where its place and ages do and its protocol may judge that patient. Where none grades, the protocol of the
    setting `protocol` says `population` in every window. Empty: that one looks at everybody. `wince protocols route` shows what a stay
    would get."""
