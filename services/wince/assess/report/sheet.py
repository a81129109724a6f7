"""The record sheet of PEEA: what the people at the bedside noted beside the recording."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from wince.assess.result.words import lines
from wince.report.document import Entry, Form


class Circumstances(StrEnum):
    """When the face was filmed."""

    REST = "rest"
    MOVEMENT = "movement"


class Treatment(StrEnum):
    """Whether the face was filmed before or after the patient was treated for pain."""

    BEFORE = "before"
    AFTER = "after"
    NONE = "no treatment"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is given stands printed; what is empty is a blank to fill in by hand or in the browser.

    A person's grade stands beside the model's and outranks it; neither is filled in from the other.
    """

    day: date | None = None
    """When the clip was recorded."""
    circumstances: Circumstances | None = None
    grade: str = ""
    """The patient's own word, or the nurse's score, with its scale."""
    who: str = ""
    """Who graded."""
    patient: str = ""
    """The patient's name or number."""
    bed: str = ""
    treatment: Treatment | None = None
    treated_with: str = ""
    """What was given, and when."""

    def form(self) -> Form:
        """The sheet as lines of a form."""
        return Form(
            (
                Entry("Patient (name or number)", lines(self.patient)),
                Entry("Bed", lines(self.bed)),
                Entry("Date and time of the recording", "" if self.day is None else self.day.isoformat()),
                Entry("Circumstances", "" if self.circumstances is None else self.circumstances.value, tuple(Circumstances)),
                Entry("Filmed before or after treatment", "" if self.treatment is None else self.treatment.value, tuple(Treatment)),
                Entry("Treatment and its time", lines(self.treated_with)),
                Entry("Grade given by a person (scale)", lines(self.grade)),
                Entry("Grade before treatment (scale, time)"),
                Entry("Grade after treatment (scale, time)"),
                Entry("Graded by", lines(self.who)),
                Entry("Signature"),
            )
        )
