"""What the hospital said about one encounter (movements), and what that makes of its stays (a revision). Message types only.

Movements are kept as they came; stays are derived from all movements of an encounter, so that the order of arrival does not
matter. The derivation stands in wince.hospital.stays; a store of both needs these types only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wince.domain.stay import Identifier, Stay

PATIENT_IN_BED = "patient_in_bed"
"""Note: a visit that is not known ends while its patient is believed in a bed under another: a person must look."""
CONTROL_ID_AGAIN = "control_id_again"
"""Note: the control id had been used for another message, long ago."""
CENSUS = "census"
"""Trigger of a movement that a list from outside became (wince.hospital.outside): from its time on the patient lies in its bed; an empty
bed: in none. It opens a visit that had ended, and corrects nobody's patient. No event of HL7 has this name, and no message becomes it."""


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Names one message of one sender. The same key again is the same message, resent."""

    application: str
    """MSH-3, sending application."""
    facility: str
    """MSH-4, sending facility."""
    control_id: str
    """MSH-10."""
    digest: str
    """sha256 (hex) of what the message says, without MSH (a resend may carry a new time there). Another digest under a known
    (application, facility, control_id) is another message under a used id: IntegrityError, but where it was sent long after."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One ADT event of one encounter, reduced to what a stay is made of. PHI: never logged."""

    key: MessageKey
    trigger: str
    """Such as A01; what each means stands in wince.hospital.triggers."""
    encounter: Identifier
    """Visit number (PV1-19) with assigning authority."""
    patient: Identifier
    """MRN (PID-3, type MR) with assigning authority."""
    bed: str
    """ "POINTOFCARE^ROOM^BED" (PV1-3.1 to .3), and ^FACILITY (.4) where that is not the site's own; empty: in no bed (deleted), or not
    said (`bed_said`)."""
    at_us: int
    """Valid time: when it happened (EVN-6), else when it was entered (EVN-2), else MSH-7. Microseconds UTC."""
    known_us: int
    """When the hospital entered it (EVN-2, else MSH-7). Microseconds UTC; orders what cancels what."""
    recorded_us: int
    """When Wince received it, microseconds UTC."""
    birth_date: date | None = None
    """PID-7; None where absent or partial."""
    ward: str = ""
    """PV1-3.1."""
    bed_said: bool = True
    """False: the message says nothing of a bed, so it changes none."""
    ends: bool = False
    """This visit ends here, whatever the trigger means else: its patient goes on under another visit number (A06, A07)."""
    sent: Identifier | None = None
    """Visit number under which it came, where another stands for it now (an alias); only where a census gives a movement back."""


class Kind(StrEnum):
    """What an identifier names."""

    PERSON = "person"
    """A patient, by medical record number."""
    VISIT = "visit"
    """An encounter, by visit number."""


@dataclass(frozen=True, slots=True)
class Link:
    """The hospital said that two identifiers name one person, or one visit. PHI: never logged."""

    kind: Kind
    old: Identifier
    """The number that is given up (MRG)."""
    new: Identifier
    """The number that stands for it from now on (PID-3, PV1-19)."""
    known_us: int
    """When the hospital said so, microseconds UTC; orders links."""
    recorded_us: int
    """When Wince received it, microseconds UTC."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one message changes: movements of one or several visits, links, or both. It is committed whole or not at all."""

    key: MessageKey
    trigger: str
    recorded_us: int
    """When Wince received it, microseconds UTC."""
    sent_us: int
    """When it was sent (MSH-7), else received; tells a control id that is used again from the same message."""
    movements: tuple[Movement, ...] = ()
    links: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()
    """Codes for the audit trail, never PHI."""

    @staticmethod
    def of(movement: Movement) -> Change:
        """A change of one visit."""
        return Change(movement.key, movement.trigger, movement.recorded_us, movement.known_us, (movement,))


@dataclass(frozen=True, slots=True)
class Revision:
    """What a change makes of the believed stays."""

    supersede: tuple[Stay, ...] = ()
    """Rows believed until now; they stop being believed at `recorded_us`. At most one believed row has a given Stay.id."""
    add: tuple[Stay, ...] = ()
    """Rows believed from now on (`superseded_us` None). May carry the id of a superseded row: the same stay, better known."""
    recorded_us: int = 0
    """Set as `superseded_us` of the rows in `supersede`; equals `recorded_us` of the rows in `add`."""
    notes: tuple[str, ...] = ()
    """Codes for the audit trail, never PHI, such as two_patients; wince.hospital.notes has them all."""
    settled: tuple[Movement, ...] | None = None
    """The change's movements as they are to be kept; None: as they came."""

    @property
    def beds(self) -> frozenset[str]:
        """Beds whose occupancy may have changed."""
        return frozenset(stay.bed for stay in (*self.supersede, *self.add))


class Outcome(StrEnum):
    """What a change came to."""

    APPLIED = "applied"
    """Committed now. The revision may still be empty (an update that changes no stay)."""
    DUPLICATE = "duplicate"
    """The same message was committed before; nothing was done."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Answer of the census, after the commit."""

    outcome: Outcome
    revision: Revision
    """Empty for DUPLICATE."""
