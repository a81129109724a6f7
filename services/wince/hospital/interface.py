"""Hospital's port: where movements and stays are kept."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from wince.domain.census import Applied, Change, Kind, MessageKey, Movement, Revision
from wince.domain.stay import Identifier, Stay

InBed = Callable[[str], Sequence[Stay]]
"""Believed stays of a bed, of every encounter, asked inside the transaction."""

Revise = Callable[[Sequence[Movement], Sequence[Stay], InBed], Revision]
"""revise(movements, believed, in_bed): pure but for in_bed. `movements` are all of the encounter in order of arrival, the new one
last; `believed` its believed stays. Raises MessageError where the new movement contradicts what is known: nothing is kept then."""


class Inside(Protocol):
    """What is known inside the transaction of a change; its links already stand."""

    def survivor(self, kind: Kind, identifier: Identifier) -> Identifier:
        """The number that stands for this one now; itself where it was never merged."""
        ...

    def movements(self, visit: Identifier) -> list[Movement]:
        """Every kept movement of a visit under any of its numbers, in order of arrival, with the numbers that stand now; `sent` where
        it came under another. Without the change's own."""
        ...

    def believed(self, visit: Identifier) -> list[Stay]:
        """Believed stays of a visit under any of its numbers, by start, as they are kept."""
        ...

    def stays_of(self, person: Identifier) -> list[Stay]:
        """Believed stays of a person under any of the numbers, by start, as they are kept."""
        ...

    def in_bed(self, bed: str) -> list[Stay]:
        """Believed stays of a bed, of every encounter, as they are kept."""
        ...


Decide = Callable[[Change, Inside], Revision]
"""Pure but for what it asks inside the transaction. Raises MessageError where the change contradicts what is known: nothing is kept."""


class Census(Protocol):
    """Keeps movements, links and stays, bitemporally. Thread-safe; every method blocks for the database.

    Raises StoreError where the store fails; the caller may repeat the same call, since `commit` and `audit` are idempotent.
    """

    def commit(self, change: Change, decide: Decide) -> Applied:
        """One transaction, serialised per encounter, and alone where it links: look up the key, keep the links, call `decide`, keep the
        movements (`Revision.settled`, else the change's), supersede and add what it answers, append one fact to the audit chain (event
        "adt"; the trigger and the notes are no PHI, everything else is), COMMIT.

        Returning means durable. A known (application, facility, control_id) with the same digest: DUPLICATE, `decide` is not called,
        nothing is written. With another digest: IntegrityError, but where the two were sent at least `window_us` apart; then it is a new
        message. What `decide` raises rolls everything back and comes out as is; the key stays free then (the sender sends a refused
        message again, corrected, under the same control id).
        """
        ...

    def commit_all(self, changes: Sequence[tuple[Change, Decide]]) -> list[Applied]:
        """Several in order, as if each were committed by itself, but all or none. Of several, none may link. What one raises comes out,
        and nothing of any is kept."""
        ...

    def apply(self, movement: Movement, revise: Revise) -> Applied:
        """The same for one movement of one visit."""
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


def one_by_one(revise: Revise) -> Decide:
    """A change of one visit, decided by what sees that visit alone."""

    def decide(change: Change, inside: Inside) -> Revision:
        (movement,) = change.movements
        visit = inside.survivor(Kind.VISIT, movement.encounter)
        return revise([*inside.movements(visit), movement], inside.believed(visit), inside.in_bed)

    return decide


def distinct(identifiers: Iterable[Identifier]) -> list[Identifier]:
    """Each once, in the same order for every caller."""
    return sorted(set(identifiers), key=lambda one: (one.system, one.value))
