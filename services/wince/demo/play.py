"""The main job: admit by HL7, play every bed's clip, chart, deliver, discharge, verify. Goes on where a killed run stopped."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import NAMESPACE_URL, uuid5

from wince.clock import wall_us
from wince.demo import outcome
from wince.demo.outcome import Charted, Outcome
from wince.demo.scenario import Bed, Scenario
from wince.domain.audit import Verified
from wince.domain.frame import US
from wince.domain.stay import Identifier
from wince.errors import PeerError
from wince.pipeline.capture.folder import open_source
from wince.serve.embedded import Embedded, OnEvent
from wince.serve.replay import GRID_US, moment
from wince.settings import Settings
from wince.store import runs
from wince.store.database import Database
from wince.store.stays import PostgresCensus
from wince.testing import hl7

__all__ = ["BEFORE_US", "GRID_US", "SYSTEM", "Embedded", "moment", "play"]
AGO_US = 3600 * US
"""Where nothing else is said, the clips happened an hour ago."""
BEFORE_US = 60 * US
"""Patients are admitted this long before the clips begin, and discharged this long after they end."""
SYSTEM = "urn:wince:authority:HOSP"
VISIT = re.compile(r"V\d+-\d+")
"""Encounter numbers of runs (`_Job.visit`); nobody else's are discharged."""


def play(
    settings: Settings,
    scenario: Scenario,
    at_us: int | None,
    on_event: OnEvent,
    *,
    admitted: Callable[[Embedded], None] = lambda _: None,
    discharge: bool = True,
) -> Outcome:
    """Run the scenario to its end. Raises WinceError; what was committed until then stays, and the next call goes on from it.

    `admitted`: called after the admissions, before the clips; more ADT can be sent then. `discharge`: send the A03s.
    """
    job = _Job(settings, scenario, at_us)
    look(scenario)
    with Embedded(settings, [bed.camera for bed in scenario.beds], job.begin, on_event) as road:
        job.admit(road)
        admitted(road)
        road.play()
        road.settle()
        if discharge:
            job.discharge(road)
        verified = road.verify()
        done = job.outcome(road, verified)
        runs.finish(road.database, job.run, runs.RunState.DONE)
        return done


def look(scenario: Scenario) -> None:
    """Open every clip and close it: one that can't be read is named before anything starts and anybody is admitted.

    Raises MediaError, ResourceError.
    """
    for bed in scenario.beds:
        open_source(bed.camera.clip, bed.camera.id, rate_hz=1, rotation=bed.camera.rotation).close()


class _Job:
    """One run: which moment it plays, which messages it sends."""

    def __init__(self, settings: Settings, scenario: Scenario, at_us: int | None) -> None:
        self._settings, self._scenario, self._at_us = settings, scenario, at_us
        self.origin_us = 0
        self.run = NAMESPACE_URL

    def begin(self, database: Database) -> int:
        """The moment at which the clips begin: that of the run which was cut off, the one asked for, or an hour ago."""
        print_ = self._scenario.fingerprint()
        found = runs.unfinished(database)
        if found is not None:
            same = found.settings.get("scenario") == print_ and self._at_us in (None, found.origin_us)
            if same:
                self.origin_us, self.run = found.origin_us, found.id
                return self.origin_us
            runs.finish(database, found.id, runs.RunState.FAILED)
        latest, seen_us = runs.latest_origin(database), outcome.latest(database, None, 0)
        after = max(0 if latest is None else latest + 10 * GRID_US, seen_us + 3 * BEFORE_US)  # behind the last discharge
        ago = wall_us() - AGO_US
        self.origin_us = self._at_us if self._at_us is not None else -(-max(ago // GRID_US * GRID_US, after) // GRID_US) * GRID_US
        self.run = uuid5(NAMESPACE_URL, f"wince-run|{self._settings.site}|{self.origin_us}|{print_}")
        runs.begin(database, self.run, self.origin_us, {"scenario": print_})
        return self.origin_us

    def visit(self, number: int) -> str:
        """Encounter number of a bed in this run."""
        return f"V{self.origin_us // GRID_US}-{number}"

    def admit(self, road: Embedded) -> None:
        """The EHR knows patients and encounters; the hospital sends an A01 for each, after an A03 for whom another run left there."""
        self._clear(road)
        for number, bed in self._admitted():
            if road.sandbox is not None:
                patient = Identifier(SYSTEM, bed.patient.mrn)  # type: ignore[union-attr]
                road.sandbox.seed([patient], [(Identifier(SYSTEM, self.visit(number)), patient)])
            self._send(road, "A01", number, bed, self.origin_us - BEFORE_US)
        road.tell("admitted", patients=len(self._admitted()))

    def _clear(self, road: Embedded) -> None:
        """Discharge whom an earlier run that was cut off for good left in our beds: else two patients would be claimed for them."""
        mine = {self.visit(number) for number, _ in self._admitted()}
        for bed in {bed.camera.bed for _, bed in self._admitted()}:
            for stay in PostgresCensus(road.database).stays(bed, self.origin_us, None):
                left = stay.encounter.value not in mine and stay.encounter.system == SYSTEM and VISIT.fullmatch(stay.encounter.value)
                if left and stay.end_us is None and stay.start_us < self.origin_us - 2 * BEFORE_US:
                    born = stay.birth_date.strftime("%Y%m%d") if stay.birth_date else ""
                    person = hl7.Person(stay.patient.value, birth_date=born)
                    self._tell(road, "A03", person, bed, stay.encounter.value, self.origin_us - 2 * BEFORE_US)

    def discharge(self, road: Embedded) -> None:
        """An A03 for each, so that the beds are free for the next run."""
        ended_us = outcome.latest(road.database, self._sources(), self.origin_us)
        for number, bed in self._admitted():
            self._send(road, "A03", number, bed, ended_us + BEFORE_US)
        road.tell("discharged")

    def _admitted(self) -> list[tuple[int, Bed]]:
        first = {bed.camera.bed: number for number, bed in reversed(list(enumerate(self._scenario.beds)))}
        return [
            (number, bed) for number, bed in enumerate(self._scenario.beds) if bed.patient is not None and first[bed.camera.bed] == number
        ]

    def _sources(self) -> list[str]:
        return [bed.camera.id for bed in self._scenario.beds]

    def _send(self, road: Embedded, trigger: str, number: int, bed: Bed, at_us: int) -> None:
        patient = bed.patient
        assert patient is not None
        person = hl7.Person(patient.mrn, patient.family, patient.given, patient.birth_date.strftime("%Y%m%d"), patient.sex)
        self._tell(road, trigger, person, bed.camera.bed, self.visit(number), at_us)

    def _tell(self, road: Embedded, trigger: str, person: hl7.Person, bed: str, visit: str, at_us: int) -> None:
        text = hl7.adt(trigger, person, bed, visit, at_us, control_id=f"{visit}{trigger}")
        answer = hl7.code(hl7.send("127.0.0.1", road.listener.port, text))
        if answer != "AA":
            raise PeerError(f"the ADT listener answered {answer}", field=trigger, remedy="see the log")

    def outcome(self, road: Embedded, verified: Verified) -> Outcome:
        """What the database and the EHR say of this run."""
        charted = outcome.entries(road.database, self._sources(), self.origin_us)
        names = list(road.protocols.every)
        beds = tuple(
            outcome.bed(road.database, bed, self.visit(number) if bed.patient else "-", names, self.origin_us, charted)
            for number, bed in enumerate(self._scenario.beds)
        )
        undelivered, trouble = outcome.undelivered(road.database)
        return Outcome(
            beds=beds,
            entries=tuple(charted),
            patients=len(self._admitted()),
            nurse=sum(sum(bed.questions.values()) for bed in beds),
            undelivered=undelivered,
            trouble=trouble,
            audit=verified,
            in_ehr=_in_ehr(road, charted),
        )


def _in_ehr(road: Embedded, charted: list[Charted]) -> int | None:
    """How many Observations of these entries the sandbox holds, copies counted; None where the EHR is not ours."""
    if road.sandbox is None:
        return None
    ids = [entry.id for entry in charted if entry.revision == 1]
    return sum(road.sandbox.count("Observation", f"identifier=urn:ietf:rfc:3986|urn:uuid:{one}") for one in ids)
