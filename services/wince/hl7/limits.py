"""How much a sender of HL7 v2 may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one listener."""

    message_bytes: int = 1 << 20
    """Longest message."""
    idle_s: float = 600.0
    """Longest silence between messages."""
    message_s: float = 30.0
    """From a message's first byte to its last; and for an answer to be taken."""
    connections: int = 64
    """Above that many, new ones are closed."""
    per_address: int = 16
    """Above that many of one address, its new ones are closed, so that no sender shuts out the others."""


STANDARD = Limits()
