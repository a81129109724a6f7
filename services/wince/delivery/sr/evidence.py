"""The DICOM object that an entry's source is: what a report cites, and whose study it joins.

A report joins the object's study where both are under one patient number. Where they are not (a person said whose the object is, or
numbers were merged since), it stands in the study of the patient's own encounter, and cites the object there: no study at the archive
gets two patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Evidence:
    """A video or picture that came as a DICOM object. PHI: `attributes`."""

    study: str
    series: str
    sop_class: str
    sop: str
    """UIDs of its study, series, SOP class and itself."""
    begin_us: int
    """When its first frame was taken, on the clock of the entry's times (microseconds UTC)."""
    frames: int
    """How many it has; 1: a still picture."""
    rate_hz: float
    """Frames a second; 0 for a still picture."""
    patient_id: str
    """Patient ID as the object has it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What the object says of patient and study (PS3.3 modules Patient, General Study, Patient Study): texts by keyword."""


Find = Callable[[str], Evidence | None]
"""The object that a source is; None: the source is a camera, or a file without DICOM. Raises StoreError, Unavailable."""


def of_camera(_source: str) -> Evidence | None:
    """No source is a DICOM object."""
    return None
