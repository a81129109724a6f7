"""What Prometheus is told of DICOM objects; see metrics.py."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from wince.telemetry.metrics import REGISTRY, label

IMAGING_OBJECTS = Counter("wince_imaging_objects", "DICOM objects by what came of them", ("outcome",), registry=REGISTRY)
DICOM_ASSOCIATIONS = Counter("wince_dicom_associations", "What happened on the ways in for DICOM, by kind", ("what",), registry=REGISTRY)
IMAGING_HELD = Gauge("wince_imaging_held", "DICOM objects that wait for a person or the census", registry=REGISTRY)
IMAGING_HELD_AGE = Gauge("wince_imaging_held_oldest_seconds", "Age of the oldest of them; 0 where none is held", registry=REGISTRY)
IMAGING_OPEN = Gauge("wince_imaging_open", "DICOM objects that are to be graded, or being graded", registry=REGISTRY)


def received(outcome: str) -> None:
    """A DICOM object came: received, known, other_content, refused."""
    IMAGING_OBJECTS.labels(label(outcome)).inc()


def associated(what: str) -> None:
    """Something happened on an association, or a request of STOW-RS."""
    DICOM_ASSOCIATIONS.labels(label(what)).inc()


def waits(*, held: int, oldest_held_s: float, open_: int) -> None:
    """What waits of DICOM objects."""
    IMAGING_HELD.set(held)
    IMAGING_HELD_AGE.set(oldest_held_s)
    IMAGING_OPEN.set(open_)
