"""Parked messages in the database: kept with their text until they are replayed, dropped, or too old; each of these in the audit trail.

The trail says which message (its id here, sender and control id) and why, never its text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from uuid import UUID, uuid4

from wince import canonical
from wince.clock import Clock, wall_us
from wince.domain.parked import ParkedMessage
from wince.errors import InputError
from wince.store.access import note
from wince.store.audit import Fact, append
from wince.store.database import Database, Tx

_COLUMNS = "id, application, facility, control_id, trigger, place, condition, reason, received_us, bytes, attempts, asked_us"
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is parked."""

    count: int
    bytes: int
    oldest_us: int | None
    """When the oldest came; None where none is parked."""


class PostgresParking:
    """Keeps refused messages. `always`: also those whose sender would hear of the refusal. `most_bytes`: of all texts together."""

    def __init__(self, database: Database, *, always: bool, most_bytes: int, clock: Clock = wall_us) -> None:
        self.always = always
        self._database, self._most, self._clock = database, most_bytes, clock

    def keep(self, message: ParkedMessage, text: bytes) -> bool:
        """Durable when it returns True; False: there is no room. The same text of the same sender and control id again is there once."""
        with self._database.transaction() as tx:
            return park(tx, message, text, self._most, self._clock())


def park(tx: Tx, message: ParkedMessage, text: bytes, most_bytes: int, now_us: int) -> bool:
    """See PostgresParking.keep."""
    digest = hashlib.sha256(text).digest()
    names = (message.application, message.facility, message.control_id)
    known = "SELECT 1 FROM parked_message WHERE application = %s AND facility = %s AND control_id = %s AND digest = %s"
    if tx.execute(known, (*names, digest)).fetchone():
        return True
    if backlog(tx).bytes + len(text) > most_bytes:
        return False
    message = replace(message, id=uuid4(), bytes=len(text))
    done = tx.execute(
        f"INSERT INTO parked_message({_COLUMNS}, digest, text) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING".encode(),
        (*astuple(message), digest, text),
    )
    if done.rowcount:
        _say(tx, message, "parked", 1, now_us)
    return True


def parked(tx: Tx, *, asked: bool = False) -> list[ParkedMessage]:
    """All, in the order in which they came; `asked`: only those whose replay is asked for."""
    rows = tx.execute(f"SELECT {_COLUMNS} FROM parked_message WHERE NOT %s OR asked_us IS NOT NULL ORDER BY seq".encode(), (asked,))
    return [ParkedMessage(*row) for row in rows.fetchall()]


def backlog(tx: Tx) -> Backlog:
    """How much there is."""
    row = tx.execute("SELECT count(*), coalesce(sum(bytes), 0), min(received_us) FROM parked_message").fetchone()
    assert row is not None
    return Backlog(row[0], int(row[1]), row[2])


def text_of(tx: Tx, identity: UUID) -> bytes | None:
    """A message's text (PHI); None where it is not parked any more."""
    row = tx.execute("SELECT text FROM parked_message WHERE id = %s", (identity,)).fetchone()
    return None if row is None else bytes(row[0])


def naming(tx: Tx, numbers: Collection[str]) -> list[UUID]:
    """Parked messages in which one of these record numbers stands as a person's: PID-2, -3, -4 or MRG-1, -4 (HL7 v2.5.1 section 3.4), of
    whatever authority. They could not be understood, so they are read as bytes."""
    wanted = {number.encode() for number in numbers}
    rows = tx.execute("SELECT id, text FROM parked_message ORDER BY seq").fetchall()
    return [identity for identity, text in rows if wanted & _persons(bytes(text))]


def _persons(text: bytes) -> set[bytes]:
    """Every number of a person in a message, in UTF-8 or an older set; a wide set's zeros are left out."""
    text = text.replace(b"\0", b"")
    text = text[max(0, text.find(b"MSH")) :]
    field, component, repetition = text[3:4] or b"|", text[4:5] or b"^", text[5:6] or b"~"
    found = set()
    for segment in text.replace(b"\n", b"\r").split(b"\r"):
        fields = segment.split(field)
        for number in {b"PID": (2, 3, 4), b"MRG": (1, 4)}.get(fields[0].strip(), ()):
            if number < len(fields):
                found |= {one.split(component)[0].strip() for one in fields[number].split(repetition)}
    return found


def show(tx: Tx, identity: UUID, who: str, now_us: int) -> bytes:
    """The text for a person who asks for it; the trail says who that is. Raises InputError where there is none."""
    text = text_of(tx, identity)
    if text is None:
        raise _unknown(identity)
    note(tx, who, "wince hl7 parked show", {"parked": identity}, now_us)
    return text


def ask(tx: Tx, identities: Sequence[UUID], now_us: int) -> int:
    """Ask for the replay of these, or of all where none is named; how many. Raises InputError where one is not parked."""
    rows = tx.execute(
        "UPDATE parked_message SET asked_us = %s WHERE %s OR id = ANY(%s) RETURNING id", (now_us, not identities, list(identities))
    ).fetchall()
    if missing := set(identities) - {identity for (identity,) in rows}:
        raise _unknown(missing.pop())
    return len(rows)


def drop(tx: Tx, identity: UUID, who: str, now_us: int) -> None:
    """Delete one: it will never be replayed. Raises InputError where it is not parked."""
    settle(tx, _one(tx, identity), "dropped", now_us, who=who)


def settle(tx: Tx, message: ParkedMessage, event: str, now_us: int, *, who: str = "") -> None:
    """Delete one and say why: "replayed" (it was taken), "dropped" (a person says so), "expired"."""
    if tx.execute("DELETE FROM parked_message WHERE id = %s", (message.id,)).rowcount:
        _say(tx, message, event, 1, now_us, who)


def refused_again(tx: Tx, message: ParkedMessage, now_us: int) -> None:
    """Its replay was refused: it stays, with what is wrong now."""
    done = tx.execute(
        "UPDATE parked_message SET attempts = attempts + 1, asked_us = NULL, place = %s, condition = %s, reason = %s WHERE id = %s"
        " RETURNING attempts",
        (message.place, message.condition, message.reason, message.id),
    ).fetchone()
    if done is not None:
        _say(tx, message, "refused_again", done[0], now_us)


def expire(tx: Tx, days: int, now_us: int) -> int:
    """Delete what has been parked for longer; how many."""
    gone = [one for one in parked(tx) if one.received_us < now_us - days * DAY_US]
    for one in gone:
        settle(tx, one, "expired", now_us)
    return len(gone)


def _one(tx: Tx, identity: UUID) -> ParkedMessage:
    row = tx.execute(f"SELECT {_COLUMNS} FROM parked_message WHERE id = %s FOR UPDATE".encode(), (identity,)).fetchone()
    if row is None:
        raise _unknown(identity)
    return ParkedMessage(*row)


def _unknown(identity: UUID) -> InputError:
    return InputError("is not parked", field=f"ID={identity}", remedy="`wince hl7 parked list` shows what is")


def _say(tx: Tx, message: ParkedMessage, event: str, attempt: int, now_us: int, who: str = "") -> None:
    said = {
        "application": message.application,
        "facility": message.facility,
        "control_id": message.control_id,
        "trigger": message.trigger,
        "detail": f"{message.place} {message.condition}".strip(),
    }
    append(tx, [Fact(message.id, 1, f"adt.{event}", attempt, canonical.text(said | ({"caller": who} if who else {})))], now_us)
