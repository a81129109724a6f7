"""From Observations of the EHR to scores that outrank the model. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from wince.care.ehr.codes import codings
from wince.domain.codes import listed
from wince.domain.score import Score
from wince.domain.stay import Stay
from wince.fhir.answer import part, parts, text
from wince.fhir.invariants import Resource, parse_time
from wince.store.scores import score_id

SAID = frozenset({"final", "amended", "corrected"})
WITHDRAWN = frozenset({"entered-in-error", "cancelled"})
LONGEST = 64
"""Characters of a value."""
FEED = "fhir"


def scores(found: Iterable[Resource], patient: str, stay: Stay, wanted: Sequence[str]) -> tuple[list[Score], list[UUID]]:
    """(scores, ids of those that were withdrawn) among the Observations of a patient's record. `patient`: Patient/id; `wanted`: the site's
    codes. What is another patient's, has no code of the site, no time or no value, or was written by software, is passed over."""
    said: list[Score] = []
    withdrawn: list[UUID] = []
    for one in found:
        code = listed(codings(part(one, "code")), wanted)
        where, at_us = f"Observation/{text(one, 'id')}", _at_us(one)
        if text(one, "resourceType") != "Observation" or not text(one, "id") or not code:
            continue
        if text(part(one, "subject"), "reference") != patient or _by_software(one):
            continue
        status, value = text(one, "status"), _value(one)
        if status in WITHDRAWN:
            withdrawn.append(score_id(FEED, where))
        elif status in SAID and at_us is not None and value:
            said.append(Score(score_id(FEED, where), where, stay.patient, stay.encounter, at_us, code, value))
    return said, withdrawn


def _at_us(one: Resource) -> int | None:
    when = text(one, "effectiveDateTime") or text(one, "effectiveInstant") or text(part(one, "effectivePeriod"), "start")
    moment = parse_time(when) if when else None
    return None if moment is None else round(moment.timestamp() * 1_000_000)


def _value(one: Resource) -> str:
    quantity, number = part(one, "valueQuantity").get("value"), one.get("valueInteger")
    for found in (quantity, number):
        if isinstance(found, int | float) and not isinstance(found, bool):
            return f"{found:g}"
    concept = part(one, "valueCodeableConcept")
    word = text(concept, "text") or next((text(coding, "display") for coding in parts(concept, "coding")), "") or text(one, "valueString")
    return word[:LONGEST]


def _by_software(one: Resource) -> bool:
    """Ours, or another machine's: AIAST, AI asserted."""
    return any(text(label, "code") == "AIAST" for label in parts(part(one, "meta"), "security"))
