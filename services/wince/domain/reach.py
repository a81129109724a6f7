"""What a caller's credential is bound to, and what a call may be about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from wince.domain.routing import ward_of


class Kind(StrEnum):
    """What a subject is."""

    NOBODY = "nobody"
    """Nothing about a patient, bed or camera: every caller reaches it."""
    SOURCE = "source"
    """A camera's id; with a moment: the camera as it stood then."""
    BED = "bed"
    WARD = "ward"
    SITE = "site"
    """The whole installation: only a credential that is bound to nothing reaches it."""
    ENCOUNTER = "encounter"
    """A visit number, or "authority|number": where that patient lies now, or lay last."""
    PATIENT = "patient"
    """A record number, likewise."""
    ASSESSMENT = "assessment"
    ALERT = "alert"
    QUESTION = "question"
    ENTRY = "entry"
    """Of the record, or a question (a FHIR Task has deliveries, too)."""
    VERDICT = "verdict"
    PAUSE = "pause"
    STAY = "stay"


@dataclass(frozen=True, slots=True)
class Subject:
    """What a call, or an item of its answer, is about."""

    kind: Kind
    value: str
    at_us: int | None = None
    """Of a source: the moment in question, microseconds UTC. None: now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject is. Empty: not known, or none."""

    source: str = ""
    bed: str = ""


Find = Callable[[Sequence[Subject]], Mapping[Subject, Sequence[Place]]]
"""Where subjects are. One that there is not has no place. May block."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a credential is bound to: cameras, beds and wards, any of which is enough. All three None: everything."""

    sources: frozenset[str] | None = None
    beds: frozenset[str] | None = None
    wards: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        """Whether it is bound to nothing."""
        return self.sources is None and self.beds is None and self.wards is None

    def cover(self, place: Place) -> bool:
        """Whether a place lies within.

        >>> Bounds(wards=frozenset({"ICU"})).cover(Place("cam-1", "ICU^1^A")), Bounds(wards=frozenset({"ICU"})).cover(Place("cam-1"))
        (True, False)
        """
        if self.everything:
            return True
        return (
            place.source in (self.sources or ())
            or place.bed in (self.beds or ())
            or (bool(place.bed) and ward_of(place.bed) in (self.wards or ()))
        )

    def reach(self, subject: Subject, places: Sequence[Place]) -> bool:
        """Whether a subject lies within, wherever it is. One without a place does not."""
        if self.everything:
            return True
        if subject.kind is Kind.WARD:
            return subject.value in (self.wards or ())
        return bool(places) and all(self.cover(place) for place in places)


EVERYTHING = Bounds()
"""Of a credential that is bound to nothing."""


def named(subjects: Sequence[Subject]) -> dict[Subject, list[Place]]:
    """Where subjects are, by what their names alone say: for a service without the database."""
    places = {Kind.SOURCE: lambda value: Place(source=value), Kind.BED: lambda value: Place(bed=value)}
    return {subject: [places[subject.kind](subject.value)] if subject.kind in places else [] for subject in subjects}
