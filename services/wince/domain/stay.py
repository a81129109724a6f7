"""Who lies where: message types. The intervals and the question "who was there then" stand in binding.py."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Identifier:
    """A business identifier. `system` is the assigning authority as a URI, or urn:wince:authority:<namespace>."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Bedside:
    """Where something was seen, and of whom. PHI: never logged."""

    bed: str = ""
    """The hospital's bed that the camera watched then; empty: none."""
    encounter: Identifier | None = None
    """Of who lay there; None: nobody is known, or it is in doubt."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One patient in one bed for an interval of valid time, as recorded at a moment. PHI: never logged."""

    id: UUID
    """UUIDv5 of (site, encounter, bed, start)."""
    bed: str
    """The hospital's bed, "POINTOFCARE^ROOM^BED" of PL (PV1-3.1 to .3)."""
    patient: Identifier
    """MRN with assigning authority (PID-3, type MR)."""
    encounter: Identifier
    """Visit number (PV1-19)."""
    start_us: int
    """Valid from, microseconds UTC (inclusive)."""
    end_us: int | None
    """Valid to (exclusive); None: still there."""
    recorded_us: int
    """When this row came to be known."""
    superseded_us: int | None = None
    """When this row stopped being believed (A08, A11, A12, A13); None: believed."""
    birth_date: date | None = None
    """PID-7; None where unknown."""
    ward: str = ""
    """PV1-3.1."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A camera watches a bed for an interval of valid time."""

    source: str
    bed: str
    start_us: int
    end_us: int | None
    recorded_us: int
    region: tuple[float, float, float, float] | None = None
    """The bed's region in the picture: x0, y0, x1, y1 as shares 0-1; None: the whole picture."""
    rotation: int = 0
    """Degrees clockwise by which the picture must be turned to be upright: 0, 90, 180, 270."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Grade's input: from `at_us` on this stay is in the source's bed (None: nobody, or two claimed)."""

    source: str
    at_us: int
    stay: Stay | None
    ambiguous: bool = False
    """Two patients are claimed for the bed."""
    bed: str = ""
    """The bed that the source watches then; empty: none, or it was not said."""
