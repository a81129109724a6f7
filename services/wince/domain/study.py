"""A study: a DICOM object that is graded, whose it says it is, and whether the census agrees. Message types and the rule; pure.

Nobody is guessed. An object is graded where its patient id and issuer name one patient of the census, the birth dates agree, that patient
has one visit at its time, and the visit that the object names, if it names one, is that. Everything else is held, with its reason, and
a person is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from wince.domain.stay import Identifier, Stay


class Held(StrEnum):
    """Why a study is not graded yet. The first four can't change by themselves, so the object's sender hears of them too."""

    NO_PATIENT_ID = "no_patient_id"
    """The object names no patient id."""
    NO_ISSUER = "no_issuer"
    """It does not say whose number that is, and the site has set none (dicom_issuer)."""
    NO_TIME = "no_time"
    """It does not say when its pictures were taken, or not clearly (an hour that the change to winter time gives twice)."""
    NO_PICTURES = "no_pictures"
    """It has no pixel data, or several pictures and no time between them."""
    OTHER_HOSPITAL = "other_hospital"
    """The number is of an authority that is not the site's."""
    FUTURE = "future"
    """Its time lies ahead of now."""
    UNKNOWN_PATIENT = "unknown_patient"
    """The census knows no such patient."""
    BIRTH_DATE = "birth_date"
    """The census knows the patient with another birth date, or one of both says none."""
    NO_VISIT = "no_visit"
    """The patient is known, but lay in no bed at that time."""
    TWO_VISITS = "two_visits"
    """Several visits of the patient are claimed for that time, or the patient moved while the pictures were taken."""
    OTHER_VISIT = "other_visit"
    """The object names another visit (Admission ID) than the census has."""
    UNREADABLE = "unreadable"
    """Its pictures can't be decoded."""
    FAILED = "failed"
    """Its patient is known, but grading it failed again and again."""


BY_ITSELF = frozenset({Held.UNKNOWN_PATIENT, Held.NO_VISIT, Held.TWO_VISITS, Held.BIRTH_DATE, Held.OTHER_VISIT, Held.FUTURE})
"""May be over when the census learns more: looked at again by itself."""
AT_ONCE = frozenset({Held.NO_PATIENT_ID, Held.NO_ISSUER, Held.NO_TIME, Held.NO_PICTURES})
"""Seen in the object alone: its sender is warned."""


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What an object says of itself. PHI: never logged."""

    instance: str
    """SOP Instance UID: the study's source on the road."""
    sop_class: str
    syntax: str
    """Transfer syntax UID."""
    study: str
    """Study Instance UID."""
    series: str
    accession: str
    patient: str
    """Patient ID; empty: none."""
    issuer: str
    """Issuer of Patient ID: its name; empty: none."""
    issuer_universal: str
    """Its universal id; empty: none."""
    issuer_kind: str
    """Kind of that: ISO, UUID, URI, DNS, ..."""
    birth_date: date | None
    admission: str
    """Admission ID; empty: none."""
    at_us: int | None
    """When the first picture was taken, microseconds UTC; None: not said, or not clearly."""
    zoned: bool
    """False: the time came without an offset and was read in the site's zone."""
    frames: int
    rate_hz: float | None
    """Pictures a second; None: one picture, or not said."""
    duration_us: int
    """How long the pictures last, as far as the object says; 0: not said."""
    pictures: bool
    """Whether it has pixel data, and time between several pictures."""
    header: dict[str, str] = field(default_factory=dict)
    """Further attributes by keyword, for documents that cite the object."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whose a study is: a patient in a visit."""

    patient: Identifier
    encounter: Identifier


def alone(facts: StudyFacts, *, now_us: int, ahead_us: int) -> Held | None:
    """What is wrong with an object whatever the census says; None: nothing."""
    if not facts.patient:
        return Held.NO_PATIENT_ID
    if not facts.pictures:
        return Held.NO_PICTURES
    if facts.at_us is None:
        return Held.NO_TIME
    return Held.FUTURE if facts.at_us + facts.duration_us > now_us + ahead_us else None


def match(facts: StudyFacts, known: Sequence[Stay], *, by_hand: bool = False) -> Stay | Held:
    """The stay in which a study's pictures were taken. `known`: every believed stay of its patient, under all numbers of the patient;
    `facts.at_us` is set. `by_hand`: a person has said whose it is, so birth dates and visit numbers were compared by that person."""
    assert facts.at_us is not None
    if not known:
        return Held.UNKNOWN_PATIENT
    births = {stay.birth_date for stay in known if stay.birth_date is not None}
    if births != {facts.birth_date} and not by_hand:
        return Held.BIRTH_DATE
    end_us = facts.at_us + max(facts.duration_us, 1)
    there = [stay for stay in known if stay.start_us < end_us and (stay.end_us is None or stay.end_us > facts.at_us)]
    if not there:
        return Held.NO_VISIT
    if len({(stay.encounter, stay.bed) for stay in there}) > 1:
        return Held.TWO_VISITS
    stay = max(there, key=lambda one: (one.recorded_us, one.start_us))
    if stay.start_us > facts.at_us or (stay.end_us is not None and stay.end_us < end_us):
        return Held.NO_VISIT
    if facts.admission and not by_hand and facts.admission != stay.encounter.value:
        return Held.OTHER_VISIT
    return stay
