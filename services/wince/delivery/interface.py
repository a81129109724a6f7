"""The port of a target: a system that entries are delivered to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Protocol, runtime_checkable

from wince.domain.entry import Entry, TaskEntry
from wince.errors import ConfigError, MessageError
from wince.store.database import Database


class Outcome(StrEnum):
    """What one attempt came to."""

    WRITTEN = "written"
    """The target holds it (created now, or found there). Of a probe: the target takes us."""
    RETRY = "retry"
    """Refused for now, or the outcome is unknown: the same request again after a backoff."""
    DEAD = "dead"
    """A definite no: dead letter, a person looks."""
    BY_HAND = "by_hand"
    """The target can't be made to say it (it takes nothing back): a person does it there. `location` says where."""
    HELD = "held"
    """The target refuses us as a whole (403, no credentials): nothing more is sent until a probe, or a person, finds it open again."""


class Taken(Enum):
    """What `Target.render` gives where it renders no text."""

    NOTHING = "nothing"
    """The target takes nothing of this entry."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a target. Its texts never hold PHI (OperationOutcome codes and expressions only, no diagnostics text)."""

    outcome: Outcome
    detail: str = ""
    """Status and codes, such as "422 invalid Observation.code"."""
    location: str = ""
    """Type/id of the main resource at the target; empty where not written, or where the target has no such places."""
    version: str = ""
    """Its version id (ETag); empty where the target gives none."""
    retry_after_s: float | None = None
    remedy: str = ""
    """HELD: what a person can do about it."""
    left: str = ""
    """WRITTEN: what the target refused of that which stands beside it, such as "Provenance refused: 422 invariant"; empty: nothing."""
    may_pass: bool = False
    """DEAD: a no that may not be the target's own (a gateway's page, an endpoint that is away): tried again for a while first.
    RETRY: the target answered, but nothing can be done with what it said (an odd shape, an inner error): a dead letter if that does not
    end. `attempt.py` says after how long."""


@runtime_checkable
class Interruptible(Protocol):
    """A target whose deliveries can be broken off, so that a stop need not wait for a peer that answers slowly."""

    def interrupt(self) -> None:
        """Break off what is in hand, from another thread; its outcome is then unknown. Nothing more is delivered by this object."""
        ...


@runtime_checkable
class Tended(Protocol):
    """A target that has something to do besides deliveries, such as asking an archive what became of what it took."""

    def tend(self, database: Database) -> None:
        """One turn; called every few seconds on a thread of its own. Blocks for an exchange at most. Raises StoreError, Unavailable."""
        ...


@runtime_checkable
class Narrow(Protocol):
    """A target that takes only so many deliveries at a time."""

    at_once: int
    """At least 1."""


class Result(StrEnum):
    """What a target shows of an entry that was written there."""

    SAME = "same"
    EDITED = "edited"
    """Another version, whose content is ours."""
    DIFFERS = "differs"
    GONE = "gone"
    """Nothing stands there any more."""
    UNKNOWN = "unknown"
    """It gave no answer that can be used."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of reading an entry back. Holds no PHI."""

    result: Result
    differs: tuple[str, ...] = ()
    """Elements that are not as written: status, value, subject, version."""
    version: str = ""
    """The version that stands there; empty where unknown."""


@runtime_checkable
class Readable(Protocol):
    """A target that can be asked what it shows."""

    name: str

    def shows(self, body: str, location: str, version: str) -> Shown:
        """Compare what stands at `location` with the body that was written there. Blocks for a few exchanges; never raises for what the
        peer does."""
        ...


class Target(Protocol):
    """One system that receives entries. Thread-safe; `deliver` and `probe` block for the exchange (HTTP, MLLP, DIMSE), at most a minute."""

    name: str
    """Names the target in the outbox, the audit trail and metrics: 1 to 64 letters, digits, dots, hyphens. Part of the configuration:
    under another name it is another target, and gets only what is charted from then on."""

    def render(self, entry: Entry | TaskEntry) -> str | Taken:
        """Pure: the body that is stored in the outbox and whose digest the audit chain holds. References to patient and
        encounter are logical (identifier); `deliver` resolves them. NOTHING: this target takes nothing of it; once it took a
        revision of an entry, it takes all later ones. Raises MessageError where it can't be written."""
        ...

    def deliver(self, body: str, location: str = "", version: str = "", *, first: bool = False) -> Answer:
        """Send a rendered body. Idempotent: the same body again leaves one resource. `location` and `version` are those of
        the revision before (empty for revision 1, and where this target never had one). `first`: this body was certainly never sent
        before, so it need not be looked for. Never raises for what the peer does; see Outcome."""
        ...

    def probe(self) -> Answer:
        """Ask, by a harmless request, whether a target that was held takes us again: WRITTEN yes, HELD still not, RETRY no answer."""
        ...


def distinct(targets: Sequence[Target]) -> list[Target]:
    """The targets, whose names are usable and differ. Raises ConfigError."""
    names = [target.name for target in targets]
    for name in names:
        if not 0 < len(name) <= 64 or not all(c.isalnum() or c in ".-_" for c in name):
            raise ConfigError(f"a target can't be called {name!r}", field="target", remedy="use letters, digits, dots and hyphens")
        if names.count(name) > 1:
            raise ConfigError(f"two targets are called {name}", field="target", remedy="give each target a name of its own")
    return list(targets)


def fault(answer: object) -> str:
    """What is wrong with an answer of a target, in a few words; empty: nothing. What a target's code returns is not believed unseen.

    >>> fault(Answer(Outcome.WRITTEN, "201", "Observation/1")), fault(None)
    ('', 'NoneType is no Answer')
    """
    if not isinstance(answer, Answer):
        return f"{type(answer).__name__} is no Answer"
    if not isinstance(answer.outcome, Outcome):
        return "its outcome is none"
    for name in ("detail", "location", "version", "remedy", "left"):
        if not _storable(getattr(answer, name)):
            return f"its {name} can't be stored"
    after = answer.retry_after_s
    if after is not None and (not isinstance(after, (int, float)) or not math.isfinite(after) or after < 0):
        return "its retry_after_s is no time"
    return ""


def _storable(text: object) -> bool:
    """Whether PostgreSQL takes it as a text: UTF-8 without NUL. Asked of every body, so not character by character."""
    if not isinstance(text, str) or "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def rendered(target: Target, entry: Entry | TaskEntry) -> str | Taken:
    """What a target renders. Raises MessageError where it can't, or gives what can't be stored; whatever
    else the target raises."""
    body = target.render(entry)
    if body is not Taken.NOTHING and (not _storable(body) or not body):
        raise MessageError("the target rendered no text that can be stored", field=target.name)
    return body
