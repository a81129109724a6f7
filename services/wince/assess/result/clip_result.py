"""What assessing one input gives: typed, complete, the same for command line, Python and report."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wince.assess.result.values import FrameRow, Headline, Held, KeyFrame, Reading
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.frame import US
from wince.domain.reason import Reason

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class ClipResult:
    """One input, assessed (or not: `error`)."""

    path: Path
    """The file as it was named or found; of an array a name that is made up."""
    source: str
    """sha256 of the file's bytes (hex); the identity under which it is skipped when done."""
    still: bool
    """Whether it is one picture."""
    protocol: str
    """Name of the protocol."""
    rule: str
    """sha256 (hex) of the protocol's rules."""
    model_set: str
    """sha256 (hex) over the model files; empty where it failed."""
    duration_s: float
    """Media time covered; 0 for a still."""
    frames: tuple[FrameRow, ...]
    """One per sampled frame, in order of time."""
    assessments: tuple[Assessment, ...]
    """One per window of the protocol, in order of time; empty for a still."""
    alerts: tuple[Alert, ...]
    """When the protocol's alert rule fired, in order of time."""
    questions: tuple[Question, ...]
    """What a nurse would be asked to look at."""
    plain: Reading
    """Without the user's reference: as `wince run` grades it, which learns a calm face by itself where the protocol says so."""
    personal: Reading | None
    """With the reference of the same patient; None where none was given or the protocol does not allow it."""
    assessable_share: float
    """Frames with an assessable face over the frames expected, 0-1."""
    reasons: dict[Reason, int]
    """Frames without a grade, per reason: those that are missing or unassessable, and those whose number isn't believed."""
    faces: int
    """Most faces seen in one frame."""
    key_frames: tuple[KeyFrame, ...] = ()
    """Pictures worth showing; empty where none were asked for."""
    error: str = ""
    """Why the input failed, with its remedy; empty where it did not. Then numbers are empty."""
    notes: tuple[str, ...] = field(default_factory=tuple)
    """What a reader must know: excluded as dim, several faces, reference too short."""

    @property
    def reading(self) -> Reading:
        """The reading that is shown first: against the user's reference where one was used."""
        return self.plain if self.personal is None else self.personal

    @property
    def headline(self) -> Headline:
        """What leads wherever the result is shown."""
        best = self.reading
        longest = None if best.grade is None else Held(best.grade, best.grade_name, best.seconds.get(best.grade_name))
        highest = None if best.highest is None else Held(best.highest, best.highest_name, best.seconds.get(best.highest_name))
        alerted = max(self.alerts, key=lambda one: one.grade, default=None)
        if alerted is not None and (highest is None or highest.grade < alerted.grade):
            # in a window that has no grade an alert's frames count for no reading; what called people is still the highest
            ran = sum(one.end_us - one.start_us for one in self.alerts if one.grade == alerted.grade)
            highest = Held(alerted.grade, alerted.grade_name, ran / US)
        return Headline(self.alerts, highest, longest, best.confidence, self.assessable_share, self.reasons, self.still)

    def to_dataframe(self) -> pd.DataFrame:
        """`frames` as a pandas DataFrame: the columns of `--per-frame` (docs/reference/csv.md), NaN where nothing was measured.

        Raises DataError where pandas is not installed (`pip install pandas`).
        """
        from wince.assess.result.frame_table import data_frame

        return data_frame(self.path, self.source, self.frames)

    def _repr_html_(self) -> str:
        """For notebooks: the headline and the windows; no pictures."""
        from wince.assess.result import notebook

        if self.error:
            return notebook.failed(self.path, self.error)
        return notebook.shown(self.path, self.protocol, self.headline, self.assessments, self.notes)
