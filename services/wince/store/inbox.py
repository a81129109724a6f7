"""Which messages of the hospital were taken: each once, by its sender and control id (MSH-3, MSH-4, MSH-10)."""

from __future__ import annotations

import json
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


def take(tx: Tx, key: MessageKey, sent_us: int, window_us: int) -> int | None:
    """Which use of its control id a message is, from 1 on; None where the same message was taken before. The caller has a lock of the
    key's name.

    Raises IntegrityError where another message was taken under it less than `window_us` from when this one was sent (0: at any time).
    A message that was refused may come again, corrected, under the same id.
    """
    rows = _uses(tx, key, APPLIED)
    if any(digest == key.digest for _, digest, _ in rows):
        return None
    if any(not window_us or abs(sent_us - before_us) < window_us for _, _, before_us in rows):
        raise IntegrityError(
            "another message came under a control id that was used before",
            field="MSH-10",
            remedy="the sender must give every message a control id of its own",
        )
    return _keep(tx, key, APPLIED, rows[-1][0] + 1 if rows else 1, sent_us)


def note(tx: Tx, key: MessageKey, event: str, now_us: int, window_us: int) -> int | None:
    """The same for a message that changed nothing; None where its event was noted under this id less than `window_us` ago."""
    rows = _uses(tx, key, event)
    if rows and (not window_us or now_us - rows[-1][2] < window_us):
        return None
    return _keep(tx, key, event, rows[-1][0] + 1 if rows else 1, now_us)


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
