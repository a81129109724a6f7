"""Reads from the EHR, again and again, what outranks a face, for everybody who lies before a camera now.

A patient who can't be read costs nobody else: it is logged without a name, and tried again with the next round. Nothing that is not there
is made up: where the EHR does not answer, what was said last holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from wince.care import events
from wince.care.ehr.medication import statement, stilled
from wince.care.ehr.scores import scores
from wince.care.postgres import PostgresCare
from wince.clock import Clock, wall_us
from wince.delivery.fhir.finding import Finder
from wince.delivery.fhir.judging import Stop
from wince.domain.stay import Stay
from wince.errors import Unavailable, WinceError
from wince.fhir.answer import text
from wince.fhir.client import FhirClient
from wince.fhir.invariants import Resource
from wince.store import scores as store
from wince.store import stays
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get("wince.care.ehr")

MOST = 500
"""Patients of one round."""
PAGES = 20
"""Of one search, of 100 resources each."""
BACK_US = 24 * 3600 * 1_000_000
"""How far back scores and administrations are read."""
CALLER = "ehr"
"""As the audit trail names it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read. Codes are "system|code"; see care/ehr/codes.py."""

    scores: Sequence[str] = ()
    valid_us: int = 0
    """For how long a score outranks the model."""
    blocking: Sequence[str] = ()
    sedating: Sequence[str] = ()
    administrations: bool = False
    orders: bool = False
    lasts_us: int = 0
    """How long an agent acts of which only its moment is told."""


class EhrReader:
    """One round is `read`; a service does it again and again. `told`: something was committed that grade is to be told."""

    def __init__(
        self,
        database: Database,
        client: FhirClient,
        care: PostgresCare,
        wanted: Wanted,
        *,
        systems: Mapping[str, str],
        told: Callable[[], None],
        clock: Clock = wall_us,
    ) -> None:
        """`systems`: from our identifier systems to those of the server."""
        self._database, self._client, self._care, self._wanted = database, client, care, wanted
        self._systems, self._told, self._clock = systems, told, clock
        self._finder = Finder(client)

    def read(self) -> int:
        """One round; of how many patients nothing could be read. Raises StoreError, Unavailable (the database, or the whole server)."""
        failed, answered = 0, 0
        for stay in self._lying():
            try:
                self._patient(stay)
                answered += 1
            except (Stop, WinceError) as error:
                failed += 1
                if isinstance(error, Unavailable) and not answered:
                    raise
                detail = error.answer.detail if isinstance(error, Stop) else error.message
                log.warning("a patient's data can't be read from the EHR", encounter=stay.encounter.value, detail=detail)
        return failed

    def _lying(self) -> list[Stay]:
        now_us = self._clock()
        with self._database.transaction() as tx:
            beds = [bed for (bed,) in tx.execute("SELECT DISTINCT bed FROM watch").fetchall()]
            found = stays.believed(tx, sorted(beds), now_us, now_us + 1)
        return list({stay.encounter: stay for stay in found}.values())[:MOST]

    def _patient(self, stay: Stay) -> None:
        who = self._finder.search("Patient", self._systems.get(stay.patient.system, stay.patient.system), stay.patient.value)
        if len(who) != 1:
            return  # nobody, or several: nothing of them is believed; delivery tells a person
        patient, since = f"Patient/{who[0]['id']}", self._clock() - BACK_US
        if self._wanted.scores:
            params = {"date": f"ge{store.day(since)}", "_sort": "-date"}
            if not any(code.endswith("*") for code in self._wanted.scores):
                params["code"] = ",".join(self._wanted.scores)
            found, _ = self._search("Observation", patient, params)
            said, withdrawn = scores(found, patient, stay, self._wanted.scores)
            with self._database.transaction() as tx:
                store.keep(tx, said, self._clock(), self._wanted.valid_us)
                store.void(tx, withdrawn, self._clock(), self._wanted.valid_us)
        if self._wanted.administrations or self._wanted.orders:
            self._medication(stay, patient, since)

    def _medication(self, stay: Stay, patient: str, since_us: int) -> None:
        found: list[Resource] = []
        medications: dict[str, Resource] = {}
        for wanted, kind, more in (
            (self._wanted.administrations, "MedicationAdministration", {"effective-time": f"ge{store.day(since_us)}"}),
            (self._wanted.orders, "MedicationRequest", {"status": "active"}),
        ):
            if wanted:
                hits, included = self._search(kind, patient, more | {"_include": f"{kind}:medication"})
                found += hits
                medications |= included
        codes = {"blocking": self._wanted.blocking, "sedating": self._wanted.sedating}
        acting = stilled(found, medications, patient, **codes, lasts_us=self._wanted.lasts_us)
        encounter = f"{stay.encounter.system}|{stay.encounter.value}"
        with self._database.transaction() as tx:
            before = events.said(tx, stay.encounter)
        state = statement(encounter, before, acting, self._clock())
        if state is not None:
            self._care.set_state(state, CALLER)
            self._told()

    def _search(self, kind: str, patient: str, more: Mapping[str, str]) -> tuple[list[Resource], dict[str, Resource]]:
        """(matches, Medications that came with them, by place), of all pages: an agent that is not seen would lift what it is the reason
        for. Raises Stop, Unavailable, Refused, MessageError."""
        matches: list[Resource] = []
        medications: dict[str, Resource] = {}
        for hits, included in self._finder.pages(kind, {"patient": patient.removeprefix("Patient/"), **more}, PAGES):
            matches += hits
            medications |= {f"Medication/{text(one, 'id')}": one for one in included if text(one, "resourceType") == "Medication"}
        return matches, medications
