"""Hospital's port: where movements and stays are kept."""

from collections.abc import Callable, Sequence
from typing import Protocol

from wince.domain.census import Applied, MessageKey, Movement, Revision
from wince.domain.stay import Stay

InBed = Callable[[str], Sequence[Stay]]
"""Believed stays of a bed, of every encounter, asked inside the transaction."""

Revise = Callable[[Sequence[Movement], Sequence[Stay], InBed], Revision]
"""revise(movements, believed, in_bed): pure but for in_bed. `movements` are all of the encounter in order of arrival, the new one
last; `believed` its believed stays. Raises MessageError where the new movement contradicts what is known: nothing is kept then."""


class Census(Protocol):
    """Keeps movements and stays, bitemporally. Thread-safe; every method blocks for the database.

    Raises StoreError where the store fails; the caller may repeat the same call, since `apply` and `audit` are idempotent.
    """

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """One transaction, serialised per encounter: look up the key, keep the movement, call `revise` with all movements and
        believed stays of `movement.encounter`, supersede and add what it answers, append to the audit chain (event "adt"; the
        trigger and the notes are no PHI, everything else of the movement is), COMMIT.

        Returning means durable. A known (application, facility, control_id): DUPLICATE, `revise` is not called, nothing is
        written. The same with another digest: IntegrityError. What `revise` raises rolls everything back and comes out as is; the
        key stays free then (the sender sends a refused message again, corrected, under the same control id).
        """
        ...

    def audit(self, key: MessageKey, event: str, detail: str) -> None:
        """Append an audited fact about a message that changed no stay, in one transaction, and return when it is durable.
        `event`: ignored, rejected. `detail`: no PHI, such as "ADT^A60" or "PID-3 101". The same (key, event) again: nothing,
        whatever its digest; digests are compared between applied messages only."""
        ...

    def stays(self, bed: str, start_us: int, end_us: int | None, as_of_us: int | None = None) -> list[Stay]:
        """Stays of a bed whose [start, end) overlaps [start_us, end_us), of every encounter, by start.

        `end_us` None: without end. `as_of_us` None: what is believed now; else what was believed at that moment
        (recorded_us <= as_of_us < superseded_us; rows come back with `superseded_us` as it is known today).
        """
        ...

    def current(self) -> list[Stay]:
        """Every believed stay without an end, by bed and start."""
        ...
