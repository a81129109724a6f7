"""Reads of patient data in the audit trail: who asked what, in the transaction that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from wince import canonical
from wince.store.audit import Fact, append
from wince.store.database import Tx


def note(tx: Tx, caller: str, call: str, asked: Mapping[str, object], now_us: int) -> UUID:
    """Append "read": who (the caller's name), what (the RPC), and of whom (PHI; stands in the payload). Last in a transaction."""
    identity = uuid4()
    said = {"caller": caller, "call": call, **{name: str(value) for name, value in asked.items() if value not in (None, "")}}
    text = canonical.text(said)
    append(tx, [Fact(identity, 1, "read", 1, text)], now_us)
    return identity
