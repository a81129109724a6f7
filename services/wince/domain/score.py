"""What a patient said of the pain, or a nurse scored herself, outside Wince: it outranks the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.census import MessageKey
from wince.domain.persons import Named
from wince.domain.stay import Identifier


@dataclass(frozen=True, slots=True)
class Score:
    """A self-report, or a nurse's own score. PHI. It is shown beside what the model charts, and never merged into it or made up."""

    id: UUID
    reference: str
    """Where it lies at the EHR: "Observation/id"; of another feed: what names it there."""
    patient: Identifier
    encounter: Identifier
    at_us: int
    """When it was said, microseconds UTC."""
    code: str
    """system|code, as the site lists it."""
    value: str
    """As it was given: a number, or a word; empty where there is none."""

    def counts(self, start_us: int, end_us: int, valid_us: int) -> bool:
        """Whether it outranks what the model says of [start, end): it is valid from its moment on for `valid_us`."""
        return self.at_us < end_us and start_us < self.at_us + valid_us


@dataclass(frozen=True, slots=True)
class Reported:
    """What a message says of a score."""

    score: Score
    stands: bool = True
    """False: it is taken back (its value may be empty)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one message says of scores. PHI but for its notes."""

    key: MessageKey
    recorded_us: int
    """When Wince received it, microseconds UTC."""
    sent_us: int
    """When the hospital sent it: of two messages about one score the later counts, in whichever order they come."""
    reported: tuple[Reported, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a report."""

    again: bool = False
    """The same message was taken before; nothing was done."""
    count: int = 0
    """Scores that were kept or taken back; 0: nothing of the report was kept, not even its name."""
    unknown: int = 0
    """Scores, also those that were taken back, of visits of which nobody ever said anything."""


@dataclass(frozen=True, slots=True)
class Outranking:
    """Scores of some patients about some time, under the numbers that stand now."""

    scores: Sequence[Score] = ()
    valid_us: int = 0
    """For how long each outranks the model."""

    def by(self, whose: Named, start_us: int, end_us: int) -> Score | None:
        """The latest score of this patient in this visit that outranks the model's word of [start, end)."""
        mine = [
            one
            for one in self.scores
            if (one.patient, one.encounter) == (whose.patient, whose.encounter) and one.counts(start_us, end_us, self.valid_us)
        ]
        return max(mine, key=lambda one: (one.at_us, one.reference), default=None)

    def reference(self, whose: Named, start_us: int, end_us: int) -> str:
        """Where that score lies; empty: there is none."""
        found = self.by(whose, start_us, end_us)
        return "" if found is None else found.reference
