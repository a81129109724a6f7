"""Reading the EHR for what outranks a face, as a part of a process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TypedDict

from wince.care.ehr.reader import EhrReader, Wanted
from wince.care.postgres import PostgresCare
from wince.fhir.scopes import VERSIONS, asked
from wince.serve import ehr, site
from wince.serve.service import Repeated
from wince.settings import Settings
from wince.store.database import Database

MEDICATION = {
    "none": (),
    "administrations": ("MedicationAdministration", "Medication"),
    "orders": ("MedicationRequest", "Medication"),
    "both": ("MedicationAdministration", "MedicationRequest", "Medication"),
}
"""Types that are read beside what the writer needs."""


def wanted(settings: Settings) -> Wanted:
    """What is to be read."""
    return Wanted(
        scores=settings.outranking_codes,
        valid_us=settings.outranking_valid_min * 60_000_000,
        blocking=settings.blocking_codes,
        sedating=settings.sedating_codes,
        administrations=settings.medication in ("administrations", "both"),
        orders=settings.medication in ("orders", "both"),
        lasts_us=settings.medication_lasts_min * 60_000_000,
    )


def _scope(settings: Settings) -> str:
    """What the writer asks for, and the types that are read; a site that names the scopes itself names these too."""
    if settings.ehr_scopes not in VERSIONS:
        return asked(settings.ehr_scopes)
    may = "read" if settings.ehr_scopes == "v1" else "rs"
    return " ".join([asked(settings.ehr_scopes), *(f"system/{kind}.{may}" for kind in MEDICATION[settings.medication])])


def reading(settings: Settings, database: Database, care: PostgresCare, told: Callable[[], None], stack: ExitStack) -> list[Repeated]:
    """The part that reads; none where nothing is to be read, or no EHR is set. Raises ConfigError where it can't be meant so."""
    what = wanted(settings)
    if settings.ehr_url is None or not (what.scores or what.administrations or what.orders):
        return []
    client = ehr.client(settings, stack, scope=_scope(settings))
    reader = EhrReader(database, client, care, what, systems=site.systems(settings), told=told)
    return [Repeated("ehr-reading", settings.ehr_read_s, reader.read)]


class SinkRules(TypedDict):
    """The settings that record's sink follows."""

    consent_required: bool
    score_valid_us: int


def sink_rules(settings: Settings) -> SinkRules:
    """For `PostgresSink`."""
    return {"consent_required": settings.consent_required, "score_valid_us": settings.outranking_valid_min * 60_000_000}
