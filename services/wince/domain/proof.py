"""What the payloads of the audit chain say of rows elsewhere, so that those rows can be held against the chain.

    a charted entry, at a target     {"body":<sha256 hex of the rendered body, or empty>,"entry":<the entry's canonical JSON>}
    a message of grade, a verdict    {"body":<sha256 hex of the encoded message>,"content":..,"end_us":..,"stay":..}
    a movement, a stay               stand in the payload of the message that brought them

The chain holds the payload's digest. Where the rows stand, a payload can be put together again from them, so the proof holds even
after the payload was erased.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

CHARTED = frozenset({
    "charted", "withdrawn", "restored", "corrected", "charted_late", "kept", "asked", "answered", "cancelled",
})  # fmt: skip
"""Events of the trail whose payload says what was charted."""
MESSAGES = frozenset({"assessment", "alert", "verdict", "question"})
"""Events of the trail whose payload says what came from grade or from a nurse."""
_BODY, _ENTRY = '{"body":"', '","entry":'


@dataclass(frozen=True, slots=True)
class Said:
    """What a payload says of an entry."""

    entry: str
    """The entry's canonical JSON."""
    body: str
    """sha256 (hex) of the body; empty: nothing was rendered for a target."""


def hexed(body: bytes | str) -> str:
    """sha256 as hex; empty for an empty body.

    >>> hexed("")
    ''
    """
    raw = body.encode() if isinstance(body, str) else body
    return hashlib.sha256(raw).hexdigest() if raw else ""


def of_entry(entry: str, body: str) -> str:
    """The payload of what was charted. `entry`: its canonical JSON. `body`: as rendered for the target; empty: it stays here.

    >>> of_entry("{}", "")
    '{"body":"","entry":{}}'
    """
    return f"{_BODY}{hexed(body)}{_ENTRY}{entry}}}"


def said(payload: str) -> Said | None:
    """What a payload says; None: an earlier release wrote it, whose payload is the body itself, or the entry where there is none.

    >>> said('{"body":"","entry":{"id":1}}')
    Said(entry='{"id":1}', body='')
    """
    head, found, rest = payload.partition(_ENTRY)
    if not found or not head.startswith(_BODY) or len(head) not in (len(_BODY), len(_BODY) + 64):
        return None
    return Said(rest[:-1], head[len(_BODY) :])
