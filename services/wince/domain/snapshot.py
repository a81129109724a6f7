"""The state of grade's fold for one source at a closed window. Message type only; the fold alone reads `state`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A successor loads it and reads on from `closed_until_us`. Holds embeddings: as sensitive as an Estimate."""

    source: str
    fold_version: int
    """Version of the fold that wrote `state`, > 0; a fold of another version does not read it and begins anew."""
    closed_until_us: int
    """Every input before this time is in the state, microseconds (UTC, or media time)."""
    state: bytes
    """What the fold wrote; opaque to everybody else. Not empty."""
