"""The SQL of care: events, and what of them is to be told. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince import codec
from wince.api.care.v1 import care_pb2
from wince.care.meaning import pauses_of, states_of
from wince.codec.care import bed_pause_from_message, encounter_state_from_message
from wince.domain.assessment import Verdict
from wince.domain.care import BedPause, EncounterState, PatientState, Pause
from wince.domain.census import Kind
from wince.domain.stay import Identifier, Stay
from wince.store import aliases, locks, stays
from wince.store.database import Tx
from wince.store.locks import Lock


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that somebody decided."""

    id: UUID
    kind: str
    from_us: int
    nurse: str
    body: bytes
    question: UUID | None = None
    pause: UUID | None = None
    bed: str | None = None
    encounter: Identifier | None = None
    until_us: int | None = None
    assessment: UUID | None = None
    """Of a verdict: the window that it is about."""


def serialise(tx: Tx, *names: object) -> None:
    """Others who decide about the same things wait until this transaction ends."""
    locks.take_named(tx, Lock.CARE, *map(str, names))


def stands(tx: Tx, identity: UUID) -> bytes | None:
    """The body of the event under an id; None: there is none."""
    row = tx.execute("SELECT body FROM care_event WHERE id = %s", (identity,)).fetchone()
    return bytes(row[0]) if row else None


def keep(tx: Tx, event: Event, told: Sequence[Verdict | Pause | PatientState], key: str, now_us: int) -> None:
    """Write an event and what of it is to be told; `key`: of a verdict."""
    system, number = (event.encounter.system, event.encounter.value) if event.encounter else (None, None)
    tx.execute(
        "INSERT INTO care_event(id, kind, question, pause, bed, encounter_system, encounter, from_us, until_us, recorded_us, nurse, body,"
        " assessment) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            event.id,
            event.kind,
            event.question,
            event.pause,
            event.bed,
            system,
            number,
            event.from_us,
            event.until_us,
            now_us,
            event.nurse,
            event.body,
            event.assessment,
        ),
    )
    tell(tx, event.id, told, key)


def tell(tx: Tx, event: UUID, told: Sequence[Verdict | Pause | PatientState], key: str = "") -> None:
    """Put messages into the relay's outbox."""
    for message in told:
        schema, body = codec.encode(message)
        where = key if isinstance(message, Verdict) else message.source
        tx.execute("INSERT INTO care_outbox(event, key, schema, body) VALUES (%s, %s, %s, %s)", (event, where, schema, body))


def pause(tx: Tx, identity: UUID) -> BedPause | None:
    """A pause as it holds now: with its early end; None where there is none."""
    found = tx.execute("SELECT body FROM care_event WHERE id = %s AND kind = 'pause'", (identity,)).fetchone()
    return ended(tx, [_pause(found[0])])[0] if found else None


def pauses(tx: Tx, beds: Sequence[str], after_us: int) -> list[BedPause]:
    """Pauses of beds that did not end before a moment as they were set, as they hold now."""
    rows = tx.execute(
        "SELECT body FROM care_event WHERE kind = 'pause' AND bed = ANY(%s) AND until_us > %s ORDER BY seq", (list(beds), after_us)
    ).fetchall()
    return ended(tx, [_pause(body) for (body,) in rows])


def said(tx: Tx, encounter: Identifier) -> list[EncounterState]:
    """What was said of an encounter under any of its numbers, in that order."""
    rows = tx.execute(
        "SELECT body FROM care_event WHERE kind = 'patient_state' AND (encounter_system, encounter) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY seq",
        aliases.arrays(aliases.numbers(tx, Kind.VISIT, encounter)),
    ).fetchall()
    return [encounter_state_from_message(care_pb2.PatientState.FromString(bytes(body))) for (body,) in rows]


def believed(tx: Tx, encounter: Identifier) -> list[Stay]:
    """The encounter's believed stays."""
    beds = tx.execute(
        "SELECT DISTINCT bed FROM stay WHERE encounter = %s AND encounter_system = %s AND superseded_us IS NULL",
        (encounter.value, encounter.system),
    ).fetchall()
    rows = stays.believed(tx, [bed for (bed,) in beds], 0, 1 << 61)
    return [stay for stay in rows if stay.encounter == encounter]


def watchers(tx: Tx, beds: Sequence[str]) -> list[str]:
    """Cameras that ever watched one of these beds."""
    rows = tx.execute("SELECT DISTINCT source FROM watch WHERE bed = ANY(%s) ORDER BY source", (list(beds),)).fetchall()
    return [source for (source,) in rows]


def standing(tx: Tx, source: str, from_us: int) -> list[Pause | PatientState]:
    """What holds for a camera from a moment on: what grade must be told when it begins a source, or when somebody came to its bed."""
    watched = stays.watches(tx, [source])
    beds = sorted({watch.bed for watch in watched})
    return [*pauses_of(watched, source, pauses(tx, beds, from_us)), *standing_states(tx, source, from_us)]


def standing_states(tx: Tx, source: str, from_us: int) -> list[PatientState]:
    """All states that hold for a camera from a moment on, whoever lies there, by begin. Where anything was ever said of anybody in its beds
    and nothing holds at that moment, the first says so: what was told for later under another belief is void."""
    watched = stays.watches(tx, [source])
    beds = sorted({watch.bed for watch in watched})
    lying = stays.believed(tx, beds, from_us, 1 << 61)
    states: list[PatientState] = []
    for encounter in sorted({stay.encounter for stay in lying}, key=lambda one: (one.system, one.value)):
        if statements := said(tx, encounter):
            states += states_of(watched, source, [stay for stay in lying if stay.encounter == encounter], statements)
    states = sorted((one for one in states if one.until_us is None or one.until_us > from_us), key=lambda one: one.from_us)
    if (not states or states[0].from_us > from_us) and _ever_said(tx, beds):
        states.insert(0, PatientState(source, from_us, None, True))
    return states


def _ever_said(tx: Tx, beds: Sequence[str]) -> bool:
    """Whether a state was ever set of an encounter that was ever believed to lie in one of these beds."""
    sql = (
        "SELECT EXISTS (SELECT FROM stay s JOIN care_event e ON e.encounter = s.encounter AND e.encounter_system = s.encounter_system"
        " WHERE s.bed = ANY(%s) AND e.kind = 'patient_state')"
    )
    found = tx.execute(sql, (list(beds),)).fetchone()
    return bool(found and found[0])


def _pause(body: bytes) -> BedPause:
    return bed_pause_from_message(care_pb2.Pause.FromString(bytes(body)))


def ended(tx: Tx, found: list[BedPause]) -> list[BedPause]:
    """Pauses as they were set -> as they hold now: with their early ends."""
    sql = "SELECT pause, min(from_us) FROM care_event WHERE pause = ANY(%s) GROUP BY pause"
    ends: dict[UUID, int] = dict(tx.execute(sql, ([one.id for one in found],)).fetchall())
    return [replace(one, end_us=max(one.start_us, min(one.end_us, ends.get(one.id, one.end_us)))) for one in found]
