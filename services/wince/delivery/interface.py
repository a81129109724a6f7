"""Record's ports: the systems that entries are delivered to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from wince.domain.entry import Entry, TaskEntry


class Outcome(StrEnum):
    """What one delivery attempt came to."""

    WRITTEN = "written"
    """The target holds it (created now, or found there)."""
    RETRY = "retry"
    """Refused for now, or the outcome is unknown: the same request again after a backoff."""
    DEAD = "dead"
    """A definite no: dead letter, a person looks."""
    HELD = "held"
    """The target as a whole must be held (403, no credentials): nothing more is sent until a person acts."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Answer of a target. `detail` never holds PHI (OperationOutcome codes and expressions only, no diagnostics text)."""

    outcome: Outcome
    detail: str = ""
    """Status and codes, such as "422 invalid Observation.code"."""
    location: str = ""
    """Type/id of the main resource at the target; empty where not written."""
    version: str = ""
    """Its version id (ETag); empty where the target gives none."""
    retry_after_s: float | None = None


class Target(Protocol):
    """One system that receives entries. Thread-safe; `deliver` blocks for the HTTP (or MLLP) exchange."""

    name: str
    """Names the target in outbox rows; part of the configuration."""

    def render(self, entry: Entry | TaskEntry) -> str:
        """Pure: the body that is stored in the outbox and whose digest the audit chain holds. References to patient and
        encounter are logical (identifier); `deliver` resolves them."""
        ...

    def deliver(self, body: str, location: str = "", version: str = "") -> Delivery:
        """Send a rendered body. Idempotent: the same body again leaves one resource. `location` and `version` are those of
        the revision before (empty for revision 1). Never raises for what the peer does; see Outcome."""
        ...
