"""Who must not be watched: a bed, ward or site that somebody switched off, and a patient who did not consent. Pure.

A switch is about a place, consent about a person; both hold during intervals of valid time. What they forbid is not looked at by capture,
and nothing of a window that touches such a time is charted, alerted or asked, whenever the window arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from wince.domain.binding import bed_of, believed, covers, overlaps
from wince.domain.reason import Reason
from wince.domain.routing import ward_of
from wince.domain.stay import Identifier, Stay, Watch

WITHHELD = frozenset({Reason.OFF, Reason.CONSENT})
"""Reasons that people gave, of which nobody is asked."""


class Scope(StrEnum):
    """What a switch is about, the widest first."""

    SITE = "site"
    WARD = "ward"
    """PV1-3.1."""
    BED = "bed"
    """The hospital's bed, "POINTOFCARE^ROOM^BED"."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Wince is off for a bed, a ward or the site."""

    id: UUID
    scope: Scope
    name: str
    """Empty for the site."""
    off_us: int
    on_us: int | None
    """Exclusive; None: it is off."""
    reason: str
    """In a person's words."""
    by: str
    """Who switched it off."""

    def holds(self, bed: str) -> bool:
        """Whether it is about this bed."""
        return self.scope is Scope.SITE or self.name == (bed if self.scope is Scope.BED else ward_of(bed))


@dataclass(frozen=True, slots=True)
class Consent:
    """What a patient said of being watched. Takes the place of what was said of the same encounter or patient for `from_us` and later."""

    subject: str
    """"encounter" or "patient"."""
    identifier: Identifier
    given: bool
    from_us: int
    nurse: str
    """Staff identifier (not a name) of who wrote it down."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """All that forbids watching, as known now."""

    switches: Sequence[Switch] = ()
    consents: Sequence[Consent] = ()
    """In the order in which they were said."""
    required: bool = False
    """Who has not consented is not watched."""
    _of: dict[tuple[str, Identifier], list[Consent]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for said in self.consents:
            self._of.setdefault((said.subject, said.identifier), []).append(said)

    def during(self, stay: Stay, start_us: int, end_us: int) -> Reason | None:
        """Why a patient in a bed must not be watched at some moment of [start, end); None: he may be."""
        if self.off(stay.bed, start_us, end_us):
            return Reason.OFF
        moments = [start_us, *(said.from_us for said in self._said(stay) if start_us < said.from_us < end_us)]
        return None if all(self._consents(stay, at_us) for at_us in moments) else Reason.CONSENT

    def off(self, bed: str, start_us: int, end_us: int) -> bool:
        """Whether a bed is switched off at some moment of [start, end)."""
        return any(one.holds(bed) and overlaps(one.off_us, one.on_us, start_us, end_us) for one in self.switches)

    def camera(self, watches: Iterable[Watch], stays: Iterable[Stay], source: str, at_us: int) -> Reason | None:
        """Why a camera must not be looked at now; None: it may be. Where consent is required, a bed with nobody known in it is not looked
        at either; of two patients who are claimed for it, one who refused is enough."""
        watch = bed_of(watches, source, at_us, _LATEST)
        if watch is None:
            return Reason.OFF if any(one.scope is Scope.SITE and covers(one.off_us, one.on_us, at_us) for one in self.switches) else None
        if self.off(watch.bed, at_us, at_us + 1):
            return Reason.OFF
        lying = [one for one in stays if one.bed == watch.bed and believed(one, _LATEST) and covers(one.start_us, one.end_us, at_us)]
        if not lying:
            return Reason.CONSENT if self.required else None
        return None if all(self._consents(stay, at_us) for stay in lying) else Reason.CONSENT

    def _consents(self, stay: Stay, at_us: int) -> bool:
        """A refusal of the encounter or of the patient stands until the same is given."""
        said = {one.subject: one.given for one in self._said(stay) if one.from_us <= at_us}
        return all(said.values()) and (bool(said) or not self.required)

    def _said(self, stay: Stay) -> list[Consent]:
        return [*self._of.get(("encounter", stay.encounter), ()), *self._of.get(("patient", stay.patient), ())]


_LATEST = 1 << 62
"""As of a moment after every recording."""
