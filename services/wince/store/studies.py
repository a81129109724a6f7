"""DICOM objects in the database: taken once under their SOP Instance UID, held or bound to a patient's visit, graded, their files deleted.

The trail says of each what happened to it and by whom, never what it says of a patient but in its payload.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from wince import canonical
from wince.domain.ids import ROOT, make
from wince.domain.stay import Identifier
from wince.domain.study import BY_ITSELF, Held, Person, StudyFacts
from wince.errors import InputError
from wince.store import remains
from wince.store.audit import Fact, append
from wince.store.database import Tx
from wince.store.plain import dump, load

_COLUMNS = (
    "instance, bytes, place, sender, received_us, facts, patient_system, patient, encounter_system, encounter, state, reason, changed_us,"
    " attempts, origin_us, ended_us, deleted_us, by_hand"
)
KNOWN, OTHER = "known", "other"


@dataclass(frozen=True, slots=True)
class Study:
    """An object that was taken. PHI: never logged."""

    facts: StudyFacts
    bytes: int
    place: UUID
    sender: str
    received_us: int
    patient: Identifier | None
    """Whose it is: by the object itself (its number and issuer, of the site), or by a person's word; None: not known."""
    encounter: Identifier | None
    """Bound to that visit; None: to none yet."""
    state: str
    """held, ready (to be graded), sent (its pictures were scored), graded, dropped."""
    reason: str
    """Why it is held (`domain/study.Held`)."""
    changed_us: int
    """When it came into that state, or was last looked up; 0: it is to be looked up now."""
    attempts: int
    """How often its grading was begun."""
    origin_us: int | None
    """Time of its first picture on the grid of windows, microseconds UTC."""
    ended_us: int | None
    deleted_us: int | None
    """When its file was deleted."""
    by_hand: bool
    """A person said whose it is."""

    @property
    def instance(self) -> str:
        """SOP Instance UID; the source of its windows."""
        return self.facts.instance

    @property
    def person(self) -> Person | None:
        """Patient and visit, once it is bound."""
        return None if self.patient is None or self.encounter is None else Person(self.patient, self.encounter)


def identity(instance: str) -> UUID:
    """What the trail calls an object."""
    return make(ROOT, "study", instance)


def take(tx: Tx, study: Study, digest: bytes) -> str:
    """Keep an object: "" where it is new, KNOWN where the same is there, OTHER where another is under its UID (the trail says so)."""
    patient, encounter = study.patient, study.encounter
    done = tx.execute(
        "INSERT INTO study(instance, digest, bytes, place, sender, received_us, facts, patient_system, patient, encounter_system,"
        " encounter, state, reason, changed_us, origin_us)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            study.instance, digest, study.bytes, study.place, study.sender, study.received_us, dump(study.facts),
            patient and patient.system, patient and patient.value, encounter and encounter.system, encounter and encounter.value,
            study.state, study.reason, study.changed_us, study.origin_us,
        ),
    )  # fmt: skip
    if done.rowcount:
        _again(tx, study.instance, "received", study.received_us, {"sender": study.sender, "sha256": digest.hex(), "reason": study.reason})
        return ""
    row = tx.execute("SELECT digest FROM study WHERE instance = %s FOR UPDATE", (study.instance,)).fetchone()
    if row is not None and bytes(row[0]) == digest:
        return KNOWN
    _again(tx, study.instance, "other_content", study.received_us, {"sender": study.sender, "sha256": digest.hex()})
    return OTHER


def of(tx: Tx, instance: str, *, lock: bool = False) -> Study | None:
    """An object by its SOP Instance UID; None: there is none."""
    found = _read(tx, "instance = %s" + (" FOR UPDATE" if lock else ""), (instance,))
    return found[0] if found else None


def kept(tx: Tx, references: Sequence[tuple[str, str]]) -> list[bool]:
    """Of each (SOP class, SOP instance) whether it was taken, and not dropped."""
    rows = tx.execute(
        "SELECT instance, facts FROM study WHERE instance = ANY(%s) AND state <> 'dropped'", ([instance for _, instance in references],)
    ).fetchall()
    known = {instance: load(StudyFacts, facts).sop_class for instance, facts in rows}
    return [known.get(instance) == sop_class for sop_class, instance in references]


def held(tx: Tx, limit: int = 1000) -> list[Study]:
    """Those that wait for a person or the census, the oldest first; not what just came, or is being looked up again (`changed_us` 0)."""
    return _read(tx, "state = 'held' AND changed_us > 0 ORDER BY received_us, instance LIMIT %s", (limit,))


def listed(tx: Tx, limit: int) -> list[Study]:
    """The newest."""
    return _read(tx, "true ORDER BY received_us DESC, instance LIMIT %s", (limit,))


def to_match(tx: Tx, place: UUID, before_us: int, limit: int = 50) -> list[Study]:
    """Held ones of a place that the census may know by now, or that a person spoke of, last looked at before a moment; locked."""
    return _read(
        tx,
        "place = %s AND state = 'held' AND (reason = ANY(%s) OR asked) AND changed_us < %s ORDER BY changed_us, instance LIMIT %s"
        " FOR UPDATE SKIP LOCKED",
        (place, sorted(BY_ITSELF), before_us, limit),
    )


def to_grade(tx: Tx, place: UUID) -> Study | None:
    """The oldest of a place that is to be graded."""
    found = _read(tx, "place = %s AND state = 'ready' ORDER BY received_us, instance LIMIT 1", (place,))
    return found[0] if found else None


def bind(tx: Tx, study: Study, person: Person, origin_us: int, now_us: int) -> None:
    """Its patient lay in that visit: it is to be graded. One that was graded before, and was erased and sent again, is graded: record takes
    no window twice, also none that was erased, so nothing would come of its pictures."""
    before = _times(tx, study.instance, "graded") > 0
    named = (person.patient.system, person.patient.value, person.encounter.system, person.encounter.value)
    tx.execute(
        "UPDATE study SET state = %s, asked = false, reason = '', patient_system = %s, patient = %s, encounter_system = %s,"
        " encounter = %s, origin_us = %s, changed_us = %s WHERE instance = %s",
        ("graded" if before else "ready", *named, origin_us, now_us, study.instance),
    )
    said = {"patient": [person.patient.system, person.patient.value], "encounter": [person.encounter.system, person.encounter.value]}
    _again(tx, study.instance, "bound", now_us, said)
    if before:
        _again(tx, study.instance, "graded", now_us, {"before": True})


def hold(tx: Tx, study: Study, reason: Held, now_us: int) -> None:
    """It waits, or goes on waiting."""
    tx.execute(
        "UPDATE study SET state = 'held', asked = false, reason = %s, changed_us = %s WHERE instance = %s",
        (reason.value, now_us, study.instance),
    )
    if (study.state, study.reason) != ("held", reason.value):
        _again(tx, study.instance, "held", now_us, {"reason": reason.value})


def begun(tx: Tx, study: Study, times: int = 1) -> None:
    """Its grading begins, once more; `times` -1: that one didn't count."""
    tx.execute("UPDATE study SET attempts = greatest(0, attempts + %s) WHERE instance = %s", (times, study.instance))


def sent(tx: Tx, study: Study, ended_us: int, now_us: int) -> None:
    """Its pictures were scored to their end."""
    tx.execute(
        "UPDATE study SET state = 'sent', ended_us = %s, changed_us = %s WHERE instance = %s AND state = 'ready'",
        (ended_us, now_us, study.instance),
    )


def settle(tx: Tx, place: UUID, now_us: int) -> list[str]:
    """Those whose last window stands in the record are graded; which that were."""
    rows = tx.execute(
        "UPDATE study s SET state = 'graded', changed_us = %s WHERE place = %s AND state = 'sent' AND EXISTS"
        " (SELECT FROM assessment a WHERE a.source = s.instance AND a.end_us >= s.ended_us) RETURNING instance",
        (now_us, place),
    ).fetchall()
    found = sorted(instance for (instance,) in rows)
    for instance in found:
        _again(tx, instance, "graded", now_us, {})
    return found


def send_again(tx: Tx, place: UUID, before_us: int) -> int:
    """Those that were scored before a moment and of which the record still lacks the end are graded again: the same windows come out."""
    return tx.execute(
        "UPDATE study SET state = 'ready' WHERE place = %s AND state = 'sent' AND changed_us < %s", (place, before_us)
    ).rowcount


def assign(tx: Tx, instance: str, patient: Identifier | None, at_us: int | None, who: str, now_us: int) -> None:
    """A person says whose a held object is, and when it was taken; None: as it says itself. It is looked up again. Raises InputError
    where it isn't held."""
    study = _waiting(tx, instance)
    facts = study.facts if at_us is None else replace(study.facts, at_us=at_us, zoned=True)
    named = patient or study.patient
    tx.execute(
        "UPDATE study SET by_hand = by_hand OR %s, asked = true, attempts = 0, changed_us = 0, patient_system = %s, patient = %s,"
        " facts = %s WHERE instance = %s",
        (patient is not None, named and named.system, named and named.value, dump(facts), instance),
    )
    said = {"caller": who, **({"patient": [patient.system, patient.value]} if patient else {}), **({"at_us": at_us} if at_us else {})}
    _again(tx, instance, "assigned", now_us, said)


def drop(tx: Tx, instance: str, who: str, now_us: int) -> None:
    """A held object will never be graded; its file is deleted. Raises InputError where it isn't held."""
    study = _waiting(tx, instance)
    tx.execute("UPDATE study SET state = 'dropped', reason = '', changed_us = %s WHERE instance = %s", (now_us, study.instance))
    _again(tx, instance, "dropped", now_us, {"caller": who})


def to_delete(tx: Tx, place: UUID, graded_before_us: int, held_before_us: int, limit: int = 100) -> list[Study]:
    """Those of a place whose files are to be deleted."""
    return _read(
        tx,
        "place = %s AND deleted_us IS NULL AND (state = 'dropped' OR (state = 'graded' AND changed_us < %s)"
        " OR (state = 'held' AND received_us < %s)) ORDER BY received_us LIMIT %s FOR UPDATE SKIP LOCKED",
        (place, graded_before_us, held_before_us, limit),
    )


def deleted(tx: Tx, study: Study, now_us: int) -> None:
    """Its file is gone. One that was held is dropped with that."""
    tx.execute(
        "UPDATE study SET deleted_us = %s, state = CASE state WHEN 'held' THEN 'dropped' ELSE state END WHERE instance = %s",
        (now_us, study.instance),
    )
    _again(tx, study.instance, "deleted", now_us, {"state": study.state})


def files(tx: Tx, place: UUID) -> set[str]:
    """Objects of a place whose files must be there."""
    return {row[0] for row in tx.execute("SELECT instance FROM study WHERE place = %s AND deleted_us IS NULL", (place,)).fetchall()}


def of_patient(tx: Tx, numbers: Sequence[Identifier]) -> list[str]:
    """Objects of a person, under any of these numbers."""
    rows = tx.execute(
        "SELECT instance FROM study WHERE (patient_system, patient) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([one.system for one in numbers], [one.value for one in numbers]),
    )
    return sorted(instance for (instance,) in rows.fetchall())


def forget(tx: Tx, instances: Sequence[str]) -> None:
    """These objects were never here. Their files are nobody's then, and are deleted within a quarter of an hour. What folds remember of
    them goes, and what peers were to be told of them."""
    tx.execute("DELETE FROM study WHERE instance = ANY(%s)", (list(instances),))
    remains.sources(tx, instances)


def forget_old(tx: Tx, before_us: int, limit: int = 1000) -> int:
    """Some objects that came before a moment, whose files are deleted and of which no window is left; how many."""
    rows = tx.execute(
        "SELECT instance FROM study s WHERE received_us < %s AND deleted_us IS NOT NULL"
        " AND NOT EXISTS (SELECT FROM assessment a WHERE a.source = s.instance) LIMIT %s",
        (before_us, limit),
    ).fetchall()
    forget(tx, [instance for (instance,) in rows])
    return len(rows)


def persons(tx: Tx, sources: Collection[str]) -> dict[str, Person]:
    """Whose pictures these sources are; cameras are absent."""
    rows = tx.execute(
        "SELECT instance, patient_system, patient, encounter_system, encounter FROM study"
        " WHERE instance = ANY(%s) AND encounter IS NOT NULL",
        (sorted(sources),),
    ).fetchall()
    return {row[0]: Person(Identifier(row[1], row[2]), Identifier(row[3], row[4])) for row in rows}


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits."""

    held: int
    oldest_held_us: int | None
    open: int
    """To be looked up or graded, or being graded."""
    oldest_open_us: int | None


def backlog(tx: Tx) -> Backlog:
    """How much there is."""
    row = tx.execute(
        "SELECT count(*) FILTER (WHERE held), min(received_us) FILTER (WHERE held), count(*) FILTER (WHERE NOT held),"
        " min(received_us) FILTER (WHERE NOT held)"
        " FROM (SELECT received_us, state = 'held' AND changed_us > 0 AS held FROM study WHERE state IN ('held', 'ready', 'sent')) s"
    ).fetchone()
    assert row is not None
    return Backlog(*row)


def _waiting(tx: Tx, instance: str) -> Study:
    study = of(tx, instance, lock=True)
    if study is None or study.state != "held":
        raise InputError("no such object is held", field=f"UID={instance[:64]}", remedy="`wince dicom held` shows what is")
    return study


def _read(tx: Tx, where: str, arguments: tuple[object, ...]) -> list[Study]:
    rows = tx.execute(f"SELECT {_COLUMNS} FROM study WHERE {where}".encode(), arguments).fetchall()
    return [
        Study(
            load(StudyFacts, row[5]), row[1], row[2], row[3], row[4], None if row[7] is None else Identifier(row[6], row[7]),
            None if row[9] is None else Identifier(row[8], row[9]), *row[10:],
        )
        for row in rows
    ]  # fmt: skip


def _again(tx: Tx, instance: str, event: str, now_us: int, said: Mapping[str, object]) -> None:
    """A fact of an object, which may be true of it more than once."""
    _say(tx, instance, event, 1 + _times(tx, instance, event), now_us, said)


def _times(tx: Tx, instance: str, event: str) -> int:
    """How often the trail says something of an object; it knows that of erased ones, too."""
    row = tx.execute("SELECT count(*) FROM audit WHERE entry = %s AND event = %s", (identity(instance), f"study.{event}")).fetchone()
    return int(row[0]) if row else 0


def _say(tx: Tx, instance: str, event: str, attempt: int, now_us: int, said: Mapping[str, object]) -> None:
    text = canonical.text({"instance": instance, **said})
    append(tx, [Fact(identity(instance), 1, f"study.{event}", attempt, text)], now_us)
