"""FHIR: one Observation built and validated, ours against `fhir.resources` alone, on the same entries. Processor time of one thread.

Ours: the dict, our own rules, the text, and its form against the class (a class is asked once for each form). Theirs: the dict as a model
of `fhir.resources` (R4B), which checks it, and that model as text; it knows no rule between elements, and no value set.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median
from typing import Any
from uuid import uuid4

from fhir.resources.R4B.observation import Observation

from bench.delivery import _entry
from wince.delivery.fhir.bundle import prepare
from wince.delivery.fhir.observation import observation
from wince.delivery.fhir.parts import Software
from wince.domain.entry import Entry
from wince.fhir.classes import Forms
from wince.fhir.invariants import check, demand
from wince.protocols.loader import load

ENTRIES = 200
ROUNDS = 9


def run() -> dict[str, Any]:
    """Milliseconds an Observation, medians of the rounds; the ratio is the median of the rounds' ratios."""
    protocol, software, forms = load("activity"), Software("bench", "bench", "https://ehr.example/fhir"), Forms()
    prepare()

    def mine(entry: Entry) -> str:
        made = check(observation(entry, protocol, software))
        text = json.dumps(made, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        demand(forms.misfits(text, [made]))
        return text

    def whole(entry: Entry) -> str:
        """As `mine`, each form asked anew."""
        made = check(observation(entry, protocol, software))
        text = json.dumps(made, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        demand(Forms().misfits(text, [made]))
        return text

    def theirs(entry: Entry) -> str:
        return Observation.model_validate(observation(entry, protocol, software)).model_dump_json()

    entries = [_varied(number) for number in range(ENTRIES)]
    spent: dict[str, list[float]] = {"mine": [], "whole": [], "theirs": []}
    for _ in range(ROUNDS):
        for name, make in (("mine", mine), ("theirs", theirs), ("whole", whole)):
            spent[name].append(_timed(make, entries))

    def row(figure: str, name: str, aim: float | None) -> dict[str, Any]:
        ratio = median(other / own for own, other in zip(spent[name], spent["theirs"], strict=True))
        return {
            "figure": figure,
            "ours": round(median(spent[name]), 3),
            "rival_name": "fhir.resources 8, the same Observation",
            "rival": round(median(spent["theirs"]), 3),
            "ratio": round(ratio, 2),
            "aim": aim,
            "unit": "ms",
        }

    return {
        "title": "FHIR",
        "rows": [row("one Observation, built and validated", "mine", 1.0), row("the same, the first of its form", "whole", None)],
    }


def _varied(number: int) -> Entry:
    return replace(_entry(number), id=uuid4(), assessment=uuid4(), median=(number % 160) / 10)


def _timed(make: Callable[[Entry], str], entries: list[Entry]) -> float:
    start = time.process_time()
    for entry in entries:
        make(entry)
    return (time.process_time() - start) / len(entries) * 1000
