"""That somebody has seen an alert."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody has seen an alert and takes care of it. The first stands."""

    alert: UUID
    nurse: str
    """Staff identifier."""
    at_us: int
    """When it was committed, microseconds UTC."""
