"""Which messages of the hospital were taken: each once, by its sender and control id (MSH-3, MSH-4, MSH-10)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from wince.domain.census import MessageKey
from wince.errors import IntegrityError
from wince.store.database import Tx

APPLIED = "adt"
"""The event of a message that was taken; what was ignored or refused has events of its own."""


def message_id(key: MessageKey, use: int = 1) -> UUID:
    """The audit trail's name for a message: UUIDv5 of its sender and control id, and from the second use of that id on of its number."""
    name = [key.application, key.facility, key.control_id]
    return uuid5(NAMESPACE_URL, "urn:wince:adt:" + json.dumps(name if use == 1 else [*name, use]))


@dataclass(frozen=True, slots=True)
class Use:
    """A control id that a message is taken under."""

    key: MessageKey
    number: int
    """From 1 on."""
    sent_us: int


class Uses:
    """Under which control ids messages were taken; asked once for a batch. The caller has a lock of each key's name."""

    def __init__(self, tx: Tx, keys: Sequence[MessageKey], window_us: int, event: str = APPLIED) -> None:
        """`event`: APPLIED, or that of another kind of message. Each kind's ids are for themselves: a hospital's interface of results
        counts its own, and never takes one from a message that says who lies where."""
        self._window_us = window_us
        self._of: dict[tuple[str, str, str], list[tuple[int, str, int]]] = {_name(key): [] for key in keys}
        columns = map(list, zip(*self._of, strict=True))
        rows = tx.execute(
            "SELECT application, facility, control_id, use, digest, sent_us FROM adt_inbox"
            " WHERE (application, facility, control_id) IN (SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]))"
            " AND event = %s ORDER BY use",
            (*columns, event),
        ).fetchall()
        for application, facility, control_id, *use in rows:
            self._of[application, facility, control_id].append((use[0], use[1], use[2]))

    def take(self, key: MessageKey, sent_us: int) -> Use | None:
        """The use of its control id that a message is; None where the same message was taken before. It is to be kept (`keep`).

        Raises IntegrityError where another message was taken under it less than the window from when this one was sent (window 0: at any
        time). A message that was refused may come again, corrected, under the same id.
        """
        rows = self._of[_name(key)]
        if any(digest == key.digest for _, digest, _ in rows):
            return None
        if any(not self._window_us or abs(sent_us - before_us) < self._window_us for _, _, before_us in rows):
            raise IntegrityError(
                "another message came under a control id that was used before",
                field="MSH-10",
                remedy="the sender must give every message a control id of its own",
            )
        number = rows[-1][0] + 1 if rows else 1
        rows.append((number, key.digest, sent_us))
        return Use(key, number, sent_us)


def keep(tx: Tx, uses: Sequence[Use], event: str = APPLIED) -> None:
    """Keeps which control ids messages (of a kind; see Uses) were taken under."""
    if uses:
        columns = "application, facility, control_id, event, digest, use, sent_us"
        with tx.cursor() as cursor, cursor.copy(f"COPY adt_inbox ({columns}) FROM STDIN".encode()) as copy:
            for use in uses:
                copy.write_row((*_name(use.key), event, use.key.digest, use.number, use.sent_us))


def note(tx: Tx, key: MessageKey, event: str, now_us: int, window_us: int) -> int | None:
    """Which use of its control id a message that changed nothing is; None where that was noted under it less than `window_us` ago."""
    rows = _uses(tx, key, event)
    if rows and (not window_us or now_us - rows[-1][2] < window_us):
        return None
    return _keep(tx, key, event, rows[-1][0] + 1 if rows else 1, now_us)


def _name(key: MessageKey) -> tuple[str, str, str]:
    return key.application, key.facility, key.control_id


def _uses(tx: Tx, key: MessageKey, event: str) -> list[tuple[int, str, int]]:
    return tx.execute(
        "SELECT use, digest, sent_us FROM adt_inbox"
        " WHERE application = %s AND facility = %s AND control_id = %s AND event = %s ORDER BY use",
        (key.application, key.facility, key.control_id, event),
    ).fetchall()


def _keep(tx: Tx, key: MessageKey, event: str, use: int, sent_us: int) -> int | None:
    done = tx.execute(
        "INSERT INTO adt_inbox(application, facility, control_id, event, digest, use, sent_us) VALUES (%s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (key.application, key.facility, key.control_id, event, key.digest, use, sent_us),
    )
    return use if done.rowcount == 1 else None
