"""From MedicationAdministration and MedicationRequest to when a face can't show pain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wince.care.ehr.codes import substance
from wince.domain.care import EncounterState, FaceState
from wince.domain.codes import listed
from wince.fhir.answer import part, text
from wince.fhir.invariants import Resource, parse_time


@dataclass(frozen=True, slots=True)
class Stilled:
    """A face can't move during [from, until)."""

    face: FaceState
    from_us: int
    until_us: int | None
    """None: until the EHR says otherwise."""


def stilled(
    found: Iterable[Resource],
    medications: dict[str, Resource],
    patient: str,
    *,
    blocking: Sequence[str],
    sedating: Sequence[str],
    lasts_us: int,
) -> list[Stilled]:
    """By the administrations and orders of a patient's record (`patient`: Patient/id). `lasts_us`: how long one acts of which only its
    moment is told, and one that was stopped goes on to act. An order as needed says nothing."""
    made: list[Stilled] = []
    for one in found:
        codes = substance(one, medications)
        face = FaceState.PARALYSED if listed(codes, blocking) else FaceState.DEEPLY_SEDATED if listed(codes, sedating) else None
        if face is None or text(part(one, "subject"), "reference") != patient:
            continue
        span = _given(one, lasts_us) if one.get("resourceType") == "MedicationAdministration" else _ordered(one)
        if span is not None:
            made.append(Stilled(face, *span))
    return sorted(made, key=lambda one: one.from_us)


def _given(one: Resource, lasts_us: int) -> tuple[int, int | None] | None:
    if text(one, "status") not in ("in-progress", "completed", "stopped"):
        return None
    period = part(one, "effectivePeriod")
    begun_us, ended_us = _us(text(period, "start") or text(one, "effectiveDateTime")), _us(text(period, "end"))
    if begun_us is None:
        return None
    if ended_us is not None:
        return begun_us, ended_us + lasts_us
    return begun_us, None if text(one, "status") == "in-progress" else begun_us + lasts_us


def _ordered(one: Resource) -> tuple[int, int | None] | None:
    if one.get("resourceType") != "MedicationRequest" or text(one, "status") != "active":
        return None
    if text(one, "intent") not in ("order", "original-order", "reflex-order", "filler-order", "instance-order"):
        return None
    dosages = one.get("dosageInstruction")
    dosage = dosages[0] if isinstance(dosages, list) and dosages and isinstance(dosages[0], dict) else {}
    if dosage.get("asNeededBoolean") is True or "asNeededCodeableConcept" in dosage:
        return None
    bounds = part(part(part(dosage, "timing"), "repeat"), "boundsPeriod")
    begun_us = _us(text(bounds, "start")) or _us(text(one, "authoredOn"))
    return None if begun_us is None else (begun_us, _us(text(bounds, "end")))


def _us(when: str) -> int | None:
    moment = parse_time(when) if when else None
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def statement(encounter: str, said: Sequence[EncounterState], now: Sequence[Stilled], now_us: int) -> EncounterState | None:
    """What is to be said of an encounter by what the EHR knows, given what was said (in order); None: nothing new.

    A nurse's word wins: what she said after the medication began stands, until another one begins.
    """
    acting = [one for one in now if one.from_us <= now_us and (one.until_us is None or one.until_us > now_us)]
    last = said[-1] if said else None
    hers = max((one.since_us for one in said if one.nurse), default=None)
    if acting:
        strongest = min(acting, key=lambda one: (one.face is not FaceState.PARALYSED, one.from_us))
        begun_us = max(one.from_us for one in acting)
        if hers is not None and hers >= begun_us:
            return None
        if last is not None and not last.nurse and last.face is strongest.face:
            return None
        since_us = strongest.from_us if hers is None else max(strongest.from_us, hers + 1)
        return EncounterState(encounter, strongest.face, since_us, "")
    if last is None or last.nurse or last.face is None:
        return None
    ended = [one.until_us for one in now if one.until_us is not None and last.since_us <= one.until_us <= now_us]
    return EncounterState(encounter, None, max([last.since_us + 1, *ended]) if ended else now_us, "")
