"""Care's store: verdicts, pauses and patient states as events, each with its audit row and what is to be told, in one transaction.

Nothing is answered before the COMMIT. Asking the same again has no second effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from uuid import UUID

from google.protobuf.message import DecodeError

from wince.api.care.v1 import care_pb2
from wince.care import events
from wince.care.events import Event
from wince.care.meaning import pauses_of
from wince.care.reading import CareReader
from wince.clock import Clock, wall_us
from wince.codec.care import bed_pause_to_message, encounter_state_to_message, verdict_from_message, verdict_to_message
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause, EncounterState, concerns
from wince.domain.ids import ROOT, make
from wince.domain.stay import Identifier
from wince.errors import MessageError, Refused
from wince.protocols.rules import ClinicalProtocol
from wince.rpc.errors import AlreadyExists, NotFound
from wince.store import scope, stays, token_key
from wince.store.access import note
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx
from wince.store.plain import dump

LONGEST_US = 12 * 3600 * 1_000_000
"""Of a pause."""


SKEW_US = 600 * 1_000_000
"""By how much a client's clock may differ from ours."""


class PostgresCare:
    """Thread-safe; every method blocks for the database. `caller`: who asks, for the audit trail.

    Raises StoreError, Unavailable, ResourceError (ask again), and what each method says.
    """

    def __init__(
        self,
        database: Database,
        protocols: Mapping[str, ClinicalProtocol],
        clock: Clock = wall_us,
    ) -> None:
        self._database, self._protocols, self._clock = database, dict(protocols), clock
        self.reader = CareReader(database, clock)
        """What others read of it."""

    def token_key(self) -> bytes:
        """The installation's key of page tokens."""
        return token_key.read(self._database)

    def give(self, verdict: Verdict, caller: str) -> Verdict:
        """Commit a verdict. Raises NotFound, MessageError (an unknown grade, a time ahead of now or before the window), Refused (the
        question is not open), AlreadyExists (another under its id)."""
        body = verdict_to_message(verdict).SerializeToString(deterministic=True)
        with self._database.transaction() as tx:
            events.serialise(tx, verdict.id, *([verdict.question] if verdict.question else []))
            if _known(tx, verdict.id, body, "id", _says):
                return verdict
            sql = "SELECT source, protocol, shadow, start_us, end_us FROM assessment WHERE id = %s"
            row = tx.execute(sql, (verdict.assessment,)).fetchone()
            if row is None:
                raise NotFound("there is no such assessment", field="assessment_id")
            source, protocol, shadow, *span = row
            if shadow:
                remedy = "give it about the assessment of the protocol that graded"
                raise Refused(f"protocol {protocol!r} only looked on here", field="assessment_id", remedy=remedy)
            self._fits(protocol, verdict.grade)
            if verdict.at_us > max(self._clock(), span[1]) + SKEW_US:
                remedy = "give the time at which it was given; is the client's clock right?"
                raise MessageError("lies ahead of now", field="at_us", remedy=remedy)
            if verdict.at_us < span[0] - SKEW_US:
                raise MessageError("lies before the window that it judges", field="at_us", remedy="microseconds UTC of when it was given")
            if verdict.question is not None:
                _open(tx, verdict.question, verdict.assessment, (source, protocol, *span))
            event = Event(
                verdict.id, "verdict", verdict.at_us, verdict.nurse, body, question=verdict.question, assessment=verdict.assessment
            )
            self._keep(tx, event, [verdict], source, caller)
        return verdict

    def start_pause(self, pause: BedPause, caller: str) -> BedPause:
        """Commit a pause. Raises MessageError (too long), NotFound (no camera watches the bed), AlreadyExists."""
        if not 0 < pause.end_us - pause.start_us <= LONGEST_US:
            raise MessageError("must be after the start, at most 12 hours", field="end_us")
        body = bed_pause_to_message(pause).SerializeToString(deterministic=True)
        with self._database.transaction() as tx:
            events.serialise(tx, pause.id, pause.bed)
            if _known(tx, pause.id, body, "id", bytes):
                return events.pause(tx, pause.id) or pause
            sources = events.watchers(tx, [pause.bed])
            if not sources:
                raise NotFound("no camera watches this bed", field="bed")
            event = Event(pause.id, "pause", pause.start_us, pause.nurse, body, bed=pause.bed, until_us=pause.end_us)
            self._keep(tx, event, (), "", caller)
            self._tell_pauses(tx, event.id, pause)
        return pause

    def end_pause(self, identity: UUID, nurse: str, caller: str) -> BedPause:
        """End a pause now. One that has ended stays as it is. Raises NotFound."""
        with self._database.transaction() as tx:
            events.serialise(tx, identity)
            pause, now_us = events.pause(tx, identity), self._clock()
            if pause is None:
                raise NotFound("there is no such pause", field="pause_id")
            at_us = max(now_us, pause.start_us)
            if pause.end_us <= at_us:
                return pause
            events.serialise(tx, pause.bed)
            event = Event(make(identity, "pause_end", at_us), "pause_end", at_us, nurse, b"", pause=identity)
            self._keep(tx, event, (), "", caller)
            self._tell_pauses(tx, event.id, pause)
            ended = events.pause(tx, identity)
            assert ended is not None
        return ended

    def set_state(self, state: EncounterState, caller: str) -> EncounterState:
        """Commit a patient state. What holds already changes nothing. Raises NotFound, Refused (two authorities use the number)."""
        with self._database.transaction() as tx:
            encounter = self._encounter(tx, state.encounter)
            events.serialise(tx, f"{encounter.system}|{encounter.value}")
            answered = replace(state, identifier=encounter)
            before = events.said(tx, encounter)
            if before and before[-1] == replace(state, encounter=before[-1].encounter):  # however the encounter was named
                return answered
            body = encounter_state_to_message(state).SerializeToString(deterministic=True)
            said = (len(before), state.since_us, state.face, state.nurse, self._clock())
            identity = make(ROOT, "patient_state", encounter.system, encounter.value, *said)
            event = Event(identity, "patient_state", state.since_us, state.nurse, body, encounter=encounter)
            self._keep(tx, event, (), "", caller)
            for source in events.watchers(tx, sorted({stay.bed for stay in events.believed(tx, encounter)})):
                # Of whoever lies there afterwards, too: what is told takes the place of all that was told for later.
                events.tell(tx, event.id, events.standing_states(tx, source, state.since_us))
        return answered

    def state(self, encounter: str, caller: str) -> EncounterState:
        """What holds now. Where nobody said anything: the face can be assessed. Raises NotFound, Refused."""
        now_us = self._clock()
        with self._database.transaction() as tx:
            found = self._encounter(tx, encounter)
            holding: list[EncounterState] = []
            for one in events.said(tx, found):
                holding = [*(earlier for earlier in holding if earlier.since_us < one.since_us), one]
            note(tx, caller, "GetPatientState", {"encounter": encounter}, now_us)
        current = [one for one in holding if one.since_us <= now_us]
        return replace(current[-1] if current else EncounterState(encounter, None, 0, ""), identifier=found)

    def _keep(self, tx: Tx, event: Event, told: object, key: str, caller: str) -> None:
        now_us = self._clock()
        events.keep(tx, event, told, key, now_us)  # type: ignore[arg-type]
        what = {"caller": caller, "nurse": event.nurse, "from_us": event.from_us, "until_us": event.until_us, "body": event.body.hex()}
        about = {} if event.encounter is None else {"encounter": event.encounter}
        append(tx, [Fact(event.id, 1, f"care.{event.kind}", 1, dump(what | about))], now_us)

    def _tell_pauses(self, tx: Tx, event: UUID, pause: BedPause) -> None:
        """What all pauses of the bed about that time now mean for its cameras."""
        for source in events.watchers(tx, [pause.bed]):
            watched = stays.watches(tx, [source])
            here = events.pauses(tx, sorted({watch.bed for watch in watched}), pause.start_us)
            events.tell(tx, event, [one for one in pauses_of(watched, source, here) if one.from_us >= pause.start_us])

    @staticmethod
    def _encounter(tx: Tx, text: str) -> Identifier:
        found = scope.encounters(tx, text)
        if not found:
            raise NotFound("there is no such encounter", field="encounter")
        if len(found) > 1:
            raise Refused("two authorities use this visit number", field="encounter", remedy="give authority|number")
        return found[0]

    def _fits(self, protocol: str, grade: int | None) -> None:
        rules = self._protocols.get(protocol)
        if rules is None:  # record could not chart it
            remedy = "put its file back into a folder of WINCE_PROTOCOL_DIR"
            raise Refused(f"protocol {protocol!r} is not there any more", field="assessment_id", remedy=remedy)
        if grade is not None and grade >= len(rules.scale.grades):
            raise MessageError(f"must be below {len(rules.scale.grades)}: the grades of {protocol}", field="grade")


def _says(body: bytes) -> Verdict | bytes:
    """What the body of a verdict says, in the words of whichever version; the bytes of what is none."""
    try:
        return verdict_from_message(care_pb2.Verdict.FromString(body))
    except (DecodeError, MessageError):
        return body


def _known(tx: Tx, identity: UUID, body: bytes, field: str, says: Callable[[bytes], object]) -> bool:
    """True where the same stands; AlreadyExists where something else does. `says`: what is compared of a body."""
    stands = events.stands(tx, identity)
    if stands is not None and says(stands) != says(body):
        raise AlreadyExists("something else stands under this id", field=field, remedy="give every decision an id of its own")
    return stands is not None


def _open(tx: Tx, question: UUID, assessment: UUID, window: tuple[str, str, int, int]) -> None:
    """Raises where a question is not asked, or is about another assessment. One that names none is about any of its camera, protocol and
    time. `window`: source, protocol, start and end of the assessment."""
    sql = "SELECT assessment, state, source, protocol, start_us, end_us FROM question WHERE id = %s"
    row = tx.execute(sql, (question,)).fetchone()
    if row is None:
        raise NotFound("there is no such question", field="question_id")
    if row[0] != assessment if row[0] is not None else not concerns(row[2:], window):
        raise MessageError("is not one that the question is about", field="assessment_id")
    taken = tx.execute("SELECT 1 FROM care_event WHERE question = %s", (question,)).fetchone()
    if taken or row[1] == "answered":
        raise Refused("another verdict answered it", field="question_id", remedy="score unasked: leave question_id out")
    if row[1] != "open":
        raise Refused("it is not asked any more", field="question_id", remedy="score unasked: leave question_id out")
