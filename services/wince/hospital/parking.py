"""Messages that can't be taken and whose sender must not be stopped by that: kept, answered as taken, replayed once somebody has put right
what was wrong.

A sender stops its whole queue at an AE, so that one odd message keeps all later ones from a hospital's wards. Where the site says `park`,
the message is parked instead; and always where the sender wants to hear of no refusal (MSH-15 and MSH-16), since nobody would send it
again.
Never parked: what is of no type that is taken, what has no usable header or control id, and what only the database kept us from taking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from wince.clock import Clock, wall_us
from wince.domain.parked import ParkedMessage
from wince.hl7.errors import Hl7Error
from wince.hl7.header import LONGEST, Header, usable
from wince.store import locks, parked
from wince.store.database import Database
from wince.store.locks import Lock
from wince.telemetry import logs, metrics

log = logs.get(__name__)
NOBODY = UUID(int=0)

TakeAgain = Callable[[bytes], Hl7Error | None]
"""Takes a message as if it came now; why it can't be. Raises what the store raises: it is tried again then."""


class Parking(Protocol):
    """Where refused messages are kept. Thread-safe; blocks for the database."""

    always: bool
    """Whether messages are parked whose sender would hear of the refusal."""

    def keep(self, message: ParkedMessage, text: bytes) -> bool:
        """Durable when it returns True; False: there is no room. Raises StoreError, Unavailable."""
        ...


def parkable(header: Header | None, error: Hl7Error) -> bool:
    """Whether a refused message is one of those that may be parked."""
    if header is None or not usable(header) or header.type not in ("ADT", "ORU") or error.condition in ("200", "207"):
        return False
    return bool(header.control_id) and all(len(header.field(number)) <= most for number, most in LONGEST.items())


def parked_message(header: Header, error: Hl7Error, now_us: int) -> ParkedMessage:
    """What is said of a refused message."""
    names = (header.field(3), header.field(4), header.control_id)
    return ParkedMessage(NOBODY, *names, header.trigger[:3], error.field, error.condition, _reason(error), now_us, 0)


def replay(database: Database, take: TakeAgain, *, days: int, clock: Clock = wall_us) -> int:
    """Take again, in the order in which they came, the messages whose replay is asked for; how many were taken. Also tells the metrics
    what is parked, and deletes what is older than `days`.

    One process of the installation does so at a time. One that is refused again stays, and the next goes on: a stay is made of all its
    messages by their own times, so that late ones land right. Raises StoreError, Unavailable.
    """
    taken = 0
    with database.transaction() as tx:
        if not locks.try_take(tx, Lock.PARKED):
            return 0
        for message in parked.parked(tx, asked=True):
            taken += _again(database, take, message, clock)
    with database.transaction() as tx:
        if gone := parked.expire(tx, days, clock()):
            log.error("parked messages were deleted: nobody replayed them in time", count=gone)
        backlog = parked.backlog(tx)
    metrics.parked(backlog.count, 0.0 if backlog.oldest_us is None else (clock() - backlog.oldest_us) / 1e6)
    return taken


def _again(database: Database, take: TakeAgain, message: ParkedMessage, clock: Clock) -> bool:
    with database.transaction() as tx:
        text = parked.text_of(tx, message.id)
    if text is None:
        return False
    error = take(text)
    with database.transaction() as tx:
        if error is None:
            parked.settle(tx, message, "replayed", clock())
        else:
            parked.refused_again(tx, _with(message, error), clock())
    log.info("parked message replayed", message=message.control_id, outcome="taken" if error is None else "refused")
    return error is None


def _with(message: ParkedMessage, error: Hl7Error) -> ParkedMessage:
    return replace(message, place=error.field, condition=error.condition, reason=_reason(error))


def _reason(error: Hl7Error) -> str:
    return f"{error.message} (remedy: {error.remedy})" if error.remedy else error.message
