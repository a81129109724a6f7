"""A small hospital for the record tests: one camera over one bed, patients who come and go, a target that does what it is told."""

import json
import threading
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from wince.delivery.interface import Answer, Outcome
from wince.delivery.worker import Delivery
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.census import MessageKey, Movement, Revision
from wince.domain.entry import Entry, TaskEntry
from wince.domain.ids import alert_id, assessment_id, question_id, site_namespace, stay_id
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay, Watch
from wince.errors import MessageError
from wince.store.database import Database
from wince.store.stays import PostgresCensus, save_watches

SITE = site_namespace("test")
US = 1_000_000
T0 = 1_700_000_040 * US
"""A multiple of 60 s."""
BED = "ICU^1^A"
CAMERA = "cam-1"


def window(number: int, grade: int | None = 0, *, source: str = CAMERA, reason: Reason = Reason.NONE, t0: int = T0) -> Assessment:
    start = t0 + number * 5 * US
    name = "" if grade is None else ("quiet", "low", "high")[grade]
    score = None if grade is None else (0.5, 3.0, 6.0)[grade]
    return Assessment(
        id=assessment_id(SITE, source, "activity", start),
        source=source,
        protocol="activity",
        start_us=start,
        end_us=start + 5 * US,
        grade=grade,
        grade_name=name,
        median=score,
        peak=score,
        assessable_share=0.0 if grade is None else 1.0,
        confidence=None if grade is None else 0.9,
        reason=reason if grade is None else None,
        frames=25,
        reasons={reason: 25} if grade is None else {},
        units=() if grade is None else (1.0, None, 0.5, None, 0.0, 0.0),
        model_set="ab" * 32,
        rule="cd" * 32,
    )


def alert(of: Assessment) -> Alert:
    return Alert(
        alert_id(of.id, of.start_us), of.id, of.source, of.protocol, of.start_us, of.end_us, of.grade or 0, of.grade_name, of.peak or 0.0
    )


def question(of: Assessment, reason: Reason = Reason.CONFLICT) -> Question:
    return Question(question_id(of.id, reason, of.start_us), of.id, of.source, of.protocol, of.start_us, of.end_us, reason)


def stay(
    encounter: str = "V1", *, start_us: int = T0 - 3600 * US, end_us: int | None = None, recorded_us: int = T0 - 3600 * US, bed: str = BED
) -> Stay:
    visit = Identifier("urn:wince:authority:VISIT", encounter)
    return Stay(
        stay_id(SITE, visit, bed, start_us),
        bed,
        Identifier("urn:wince:authority:MRN", f"M-{encounter}"),
        visit,
        start_us,
        end_us,
        recorded_us,
    )


def movement(control: str, encounter: str = "V1", trigger: str = "A01", *, digest: str = "d", at_us: int = T0) -> Movement:
    return Movement(
        MessageKey("ADT", "HOSP", control, digest),
        trigger,
        Identifier("urn:wince:authority:VISIT", encounter),
        Identifier("urn:wince:authority:MRN", f"M-{encounter}"),
        BED,
        at_us,
        at_us,
        at_us,
    )


def change(database: Database, revision: Revision, encounter: str = "V1") -> None:
    """The hospital says something that comes to this revision."""
    PostgresCensus(database).apply(movement(uuid4().hex, encounter), lambda *_: revision)


def admit(database: Database, *stays: Stay) -> None:
    save_watches(database, [Watch(CAMERA, BED, 0, None, 0)])
    for one in stays:
        change(database, Revision(add=(one,), recorded_us=one.recorded_us), one.encounter.value)


class FakeTarget:
    """Renders an entry as JSON; keeps what it was sent, by entry; answers what `script` says (call number -> answer), else written."""

    def __init__(self, script: Callable[[int, str], Answer | None] = lambda _number, _entry: None, name: str = "fake") -> None:
        self.script, self.name = script, name
        self.probed: list[float] = []
        self.open = Answer(Outcome.WRITTEN)
        """What a probe is answered."""
        self.calls: list[tuple[str, int, str, str]] = []
        self.held: dict[str, tuple[int, str]] = {}
        self.delay_s = 0.0
        self.broken: set[UUID] = set()
        self._lock = threading.Lock()

    def render(self, entry: Entry | TaskEntry) -> str:
        if entry.id in self.broken:
            raise MessageError("lies outside the scale", field="score")
        return json.dumps({"id": str(entry.id), "revision": entry.revision, "status": entry.status, "start": entry.start_us})

    def probe(self) -> Answer:
        self.probed.append(time.monotonic())
        return self.open

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        said = json.loads(body)
        time.sleep(self.delay_s)
        with self._lock:
            number = len(self.calls)
            self.calls.append((said["id"], said["revision"], location, version))
            answer = self.script(number, said["id"])
            if answer is None or answer.detail == "timeout after the commit":
                self.held[said["id"]] = (said["revision"], said["status"])
        return answer or Answer(Outcome.WRITTEN, "201", f"Observation/{said['id']}", str(said["revision"]))


def deliver(database: Database, target: FakeTarget) -> None:
    """Everything that waits for a target goes to it."""
    delivery = Delivery(database, [target], poll_s=0.02)
    delivery.start()
    try:
        assert delivery.drain(60)
    finally:
        delivery.stop()
