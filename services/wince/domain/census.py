"""What the hospital said about one encounter (movements), and what that makes of its stays (a revision). Message types only.

Movements are kept as they came; stays are derived from all movements of an encounter, so that the order of arrival does not
matter. The derivation stands in wince.hospital.adt; a store of both needs these types only.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wince.domain.stay import Identifier, Stay


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
    (application, facility, control_id) is another message under a used id: IntegrityError."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One ADT event of one encounter, reduced to what a stay is made of. PHI: never logged."""

    key: MessageKey
    trigger: str
    """A01 A02 A03 A04 A08 A11 A12 A13."""
    encounter: Identifier
    """Visit number (PV1-19) with assigning authority."""
    patient: Identifier
    """MRN (PID-3, type MR) with assigning authority."""
    bed: str
    """ "POINTOFCARE^ROOM^BED" (PV1-3.1 to .3); empty: in no bed (deleted), or not needed by the trigger."""
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


@dataclass(frozen=True, slots=True)
class Revision:
    """What a movement changes in the believed stays of its encounter."""

    supersede: tuple[Stay, ...] = ()
    """Rows believed until now; they stop being believed at `recorded_us`. At most one believed row has a given Stay.id."""
    add: tuple[Stay, ...] = ()
    """Rows believed from now on (`superseded_us` None). May carry the id of a superseded row: the same stay, better known."""
    recorded_us: int = 0
    """Set as `superseded_us` of the rows in `supersede`; equals `recorded_us` of the rows in `add`."""
    notes: tuple[str, ...] = ()
    """Codes for the audit trail, never PHI: two_patients, nothing_to_cancel, late, patient_changed."""

    @property
    def beds(self) -> frozenset[str]:
        """Beds whose occupancy may have changed."""
        return frozenset(stay.bed for stay in (*self.supersede, *self.add))


class Outcome(StrEnum):
    """What applying a movement came to."""

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
