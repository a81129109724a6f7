"""A message of the hospital that could not be understood and is kept until a person has looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ParkedMessage:
    """What is said of it without its text, which is PHI."""

    id: UUID
    """Names it in the list and in the audit trail."""
    application: str
    """MSH-3, sending application."""
    facility: str
    """MSH-4, sending facility."""
    control_id: str
    """MSH-10."""
    trigger: str
    """MSH-9.2, such as A01."""
    place: str
    """Where it is wrong, as HL7 names it ("PID-3"); empty: nowhere in particular."""
    condition: str
    """Code of HL7 table 0357."""
    reason: str
    """Why it was refused, and the remedy, in our own words."""
    received_us: int
    """When it came, microseconds UTC."""
    bytes: int
    """Length of its text."""
    attempts: int = 0
    """How often it was replayed and refused again."""
    asked_us: int | None = None
    """Since when it waits for its replay; None: nobody asked for one."""
