"""Wince's own words: every code that targets of each kind write, with its display and meaning. The mappings (FHIR, HL7 v2, DICOM), the
package for FHIR servers and the reference pages are made from these tables, so that none of them knows a code that another does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wince.domain.entry import Kind
from wince.domain.estimate import UNITS
from wince.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Terms:
    """One code system of ours."""

    url: str
    name: str
    """Of the CodeSystem, for programs: letters and digits."""
    title: str
    words: Mapping[str, tuple[str, str]]
    """Display and meaning, by code."""

    def coding(self, code: str) -> dict[str, Any]:
        """A Coding; without a display where the code has no words here.

        >>> METHOD.coding("nurse")["display"]
        'Observed by a nurse who was asked to look'
        """
        made = {"system": self.url, "code": code}
        return {**made, "display": self.words[code][0]} if code in self.words else made

    def concept(self, code: str) -> dict[str, Any]:
        """A CodeableConcept with that coding alone."""
        return {"coding": [self.coding(code)]}


REASON = Terms(
    "urn:wince:reason",
    "WinceReason",
    "Why there is no grade, or why a nurse is asked",
    {
        Reason.NO_FRAME.value: ("No picture", "The camera is silent."),
        Reason.CORRUPT.value: ("Damaged picture", "Pictures came damaged and were withheld."),
        Reason.GAP.value: ("Gap", "A queue, process or restart lost pictures, or a stretch of them is not whole."),
        Reason.LATE.value: ("Late", "A picture waited too long and was not looked at."),
        Reason.NONE.value: ("No face", "No face is in the picture."),
        Reason.SMALL.value: ("Face too small", "The face is too small in the picture."),
        Reason.DARK.value: ("Too dark", "The face is too dark."),
        Reason.BLURRED.value: ("Blurred", "The face is blurred."),
        Reason.TURNED.value: ("Face turned away", "The head is turned out of the range that can be judged."),
        Reason.UPSIDE_DOWN.value: ("Face upside down", "The head is rolled beyond 120 degrees."),
        Reason.COVERED.value: ("Face covered", "A mask, hand, bandage or pillow covers the face."),
        Reason.NOT_PATIENT.value: ("Not the patient's face", "No face is where the patient's is expected."),
        Reason.SEVERAL.value: ("Several faces", "Several faces could be the patient's."),
        Reason.MODEL_CHANGE.value: ("Model changed", "The models changed within the stretch."),
        Reason.CONFLICT.value: ("Conflict", "A smile and pain at once: the number can't be trusted."),
        Reason.UNCERTAIN.value: ("Uncertain", "The confidence lies below the protocol's threshold."),
        Reason.POPULATION.value: ("Not this population", "The patient does not fit the protocol's population."),
        Reason.PATIENT.value: ("Not assessable by face", "A nurse said that this patient's face can't be judged."),
        Reason.PAUSED.value: ("Paused", "Care, privacy or a procedure."),
        Reason.NO_PATIENT.value: ("Nobody known in the bed", "Nobody is known to lie in the bed."),
        "off": ("Switched off", "Somebody switched the bed, its ward or the site off."),
        "consent": ("No consent", "The patient refused to be watched, or consent is required and there is none."),
        "doubtful": ("Doubtful who lies in the bed", "Who lies in the bed is not sure any more."),
        Reason.TWO_PATIENTS.value: ("Two patients claimed for the bed", "Two patients are claimed for the bed at that time."),
    },
)

COMPONENT = Terms(
    "urn:wince:component",
    "WinceComponent",
    "Numbers beside the value",
    {
        "median": ("Median score of the assessable frames", "In the unit of the scale."),
        "peak": ("Highest debounced score", "In the unit of the scale."),
        "assessable-share": ("Share of the frames that could be assessed", "0 to 1."),
        "confidence": ("Median confidence of the frames", "0 to 1, of the scorer on its own validation set, not on patients."),
        "alerts": ("Alerts of this stretch", "How many alerts the stretch holds."),
        **{unit: (f"FACS action unit {unit.removeprefix('au')}, estimated", "0 to 5; unit 43 0 to 1.") for unit in UNITS},
    },
)
KIND = Terms(
    "urn:wince:entry-kind",
    "WinceEntryKind",
    "Why an entry stands in the record",
    {
        Kind.GRADE.value: ("Grade", "A grade was entered or left."),
        Kind.ALERT.value: ("Alert", "The protocol's alert rule fired."),
        Kind.SUMMARY.value: ("Summary", "What a stretch showed."),
        Kind.UNASSESSABLE.value: ("Unassessable", "A stretch without a grade began."),
        Kind.ASSESSABLE.value: ("Assessable again", "A stretch without a grade ended."),
        Kind.VERDICT.value: ("Verdict", "A nurse's own score."),
    },
)
TASK = Terms("urn:wince:task", "WinceTask", "What a person is asked", {"look": ("Look at the patient and score", "A nurse is asked.")})
INPUT = Terms(
    "urn:wince:task-input",
    "WinceTaskInput",
    "What a question is about",
    {"window": ("The stretch that is asked about", "Begin and end of what the software could not grade.")},
)
METHOD = Terms(
    "urn:wince:method",
    "WinceMethod",
    "How a score came to be",
    {
        "face-video": ("Estimated by software from the face on video", "No person looked."),
        "nurse": ("Observed by a nurse who was asked to look", "A person's own score."),
    },
)
RANGE = Terms(
    "urn:wince:range",
    "WinceRange",
    "What a range of scores means; none of them is a normal range",
    {
        "scale": ("Range of the scale", "The lowest and the highest score that there is."),
        "grade": ("Range of a grade", "Scores that the protocol calls by the name in the range's text."),
    },
)
ALERT = Terms(
    "urn:wince:communication",
    "WinceCommunication",
    "What people are told",
    {"alert": ("Alert from the face on video", "The protocol's alert rule fired.")},
)
LABEL = Terms(
    "urn:wince:label",
    "WinceLabel",
    "How resources are labelled",
    {
        "AIAST": (
            "Artificial Intelligence asserted",
            "Software said it, no person. The word of HL7's v3-ObservationValue, which R4 (4.0.1) has not.",
        )
    },
)
ALL = (REASON, COMPONENT, KIND, TASK, INPUT, METHOD, RANGE, ALERT, LABEL)
"""What the package brings as CodeSystems."""
