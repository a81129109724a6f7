"""What a clip would leave in a record: assessed, charted and rendered, without a patient and without an EHR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wince.assess.engine import Engine
from wince.assess.result import ClipResult
from wince.delivery.fhir.bundle import bundle
from wince.delivery.fhir.parts import Software
from wince.delivery.fhir.profiles.profile import Writing
from wince.domain.charting import ChartState, chart, finish
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import site_namespace, stay_id
from wince.domain.stay import Identifier, Stay
from wince.fhir.invariants import Problem, Resource, problems
from wince.pipeline.record.effects import task
from wince.protocols.rules import ClinicalProtocol
from wince.serve import protocols, scoring
from wince.settings import Settings
from wince.version import VERSION

PATIENT = Identifier("urn:wince:preview", "nobody")
VISIT = Identifier("urn:wince:preview", "no-visit")
BED = "PREVIEW^1^A"


def charted(result: ClipResult, protocol: ClinicalProtocol, site: str) -> list[Entry | TaskEntry]:
    """What record would chart of an assessed clip, and what a nurse would be asked, for a made-up stay that spans it."""
    first = result.assessments[0].start_us if result.assessments else 0
    stay = Stay(stay_id(site_namespace(site), VISIT, BED, first), BED, PATIENT, VISIT, first, None, first)
    state, made = ChartState(), list[Entry | TaskEntry]()
    for window in result.assessments:
        alerts = [alert for alert in result.alerts if alert.assessment == window.id]
        state, entries = chart(state, window, alerts, stay=stay, rules=protocol.chart, issued_us=window.end_us)
        made += entries
    last_us = result.assessments[-1].end_us if result.assessments else first
    _, entries = finish(state, issued_us=last_us)
    questions = [
        task(one.id, one.source, one.protocol, (one.start_us, one.end_us), one.reason, stay, None, one.end_us) for one in result.questions
    ]
    return [*made, *entries, *questions[:1]]  # one question of an encounter is open at a time


def preview(path: Path, settings: Settings, writing: Writing) -> tuple[list[Resource], list[Problem]]:
    """The resources that a clip would give under a write profile, and what is wrong with them (nothing, unless the mapping has a defect).

    Raises as `wince.assess.engine.Engine.assess`.
    """
    protocol = protocols.default(settings)
    scoring.fetch_models(settings, lambda _name, _what: None, protocol)
    result = Engine(settings, protocol).assess(path)
    known: Mapping[str, ClinicalProtocol] = {protocol.name: protocol}
    software = Software(VERSION, settings.site, settings.ehr_url or "https://ehr.example/fhir", writing)
    found: dict[str, Resource] = {}
    for item in charted(result, protocol, settings.site):
        if writing.takes(item):
            found |= {part["fullUrl"]: part["resource"] for part in bundle(item, known, software)["entry"]}
    return list(found.values()), [problem for resource in found.values() for problem in problems(resource)]
