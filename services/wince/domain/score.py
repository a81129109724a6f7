"""What a patient said of the pain, or a nurse scored herself, outside Wince: it outranks the model. Message type only."""

from dataclasses import dataclass
from uuid import UUID

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
