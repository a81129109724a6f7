"""UIDs that are made, not drawn: the same report of the same entry has the same UID wherever and whenever it is made again.

Each is 2.25. and a version 5 UUID as a decimal number (PS3.5 section B.2), so an archive that gets a report twice knows it.
"""

from __future__ import annotations

from uuid import UUID

from wince.domain.ids import ROOT, make
from wince.domain.stay import Identifier


def uid(identity: UUID) -> str:
    """A UUID as UID.

    >>> uid(UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"))
    '2.25.329800735698586629295641978511506172918'
    """
    return f"2.25.{identity.int}"


def study(site: UUID, patient: Identifier, encounter: Identifier) -> str:
    """The study of what is charted of a patient's encounter, where no picture brings one."""
    return uid(make(site, "dicom-study", patient.system, patient.value, encounter.system, encounter.value))


def series(study_uid: str, target: str, protocol: str) -> str:
    """The series that holds a protocol's reports in a study."""
    return uid(make(ROOT, "dicom-series", study_uid, target, protocol))


def instance(entry: UUID, revision: int, target: str, what: str = "report") -> str:
    """A report of an entry's revision for a target; `what`: "report", "key-objects" or "rejection"."""
    return uid(make(entry, f"dicom-{what}", revision, target))


def device(site: UUID) -> str:
    """This installation of Wince as the observer."""
    return uid(make(site, "dicom-device"))
