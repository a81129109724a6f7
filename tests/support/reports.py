"""Reports of every kind for tests of the archive: facts, objects, and the DICOM object that a source may be."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.ehr.samples import MRN, PROTOCOLS, START, samples
from wince.delivery.site_code import SiteCode
from wince.delivery.sr.evidence import Evidence
from wince.delivery.sr.report import Report, Writing, report
from wince.domain.entry import Entry

SITE_CODES = (
    SiteCode("activity", "http://loinc.org", "38216-8", "FLACC face"),
    SiteCode("activity", "urn:oid:1.2.3.4", "A-VERY-LONG-CODE-OF-THE-SITE", "Row 7"),
)
WRITING = Writing("archive", "test", "0.1.0", SITE_CODES)
EVIDENCE = Evidence(
    "1.2.3",
    "1.2.3.4",
    "1.2.840.10008.5.1.4.1.1.77.1.4.1",
    "1.2.3.4.5",
    START - 10_000_000,
    2500,
    25.0,
    MRN.value,
    {
        "StudyDate": "20231114", "StudyTime": "231350", "TimezoneOffsetFromUTC": "+0100", "AccessionNumber": "ACC-1",
        "StudyDescription": "Ward round", "PatientName": "Müller^Änne", "PatientID": MRN.value, "PatientBirthDate": "19400102",
        "PatientSex": "F", "StudyID": "S1",
    },
)  # fmt: skip
"""A video of 100 s that begins 10 s before the samples do."""


def reports() -> dict[str, Report]:
    """Of each kind of entry, by name."""
    found = {name: one for name, one in samples().items() if isinstance(one, Entry)}
    found["outranked"] = replace(found["grade"], outranked="Observation/7")
    found["two"] = replace(found["unassessable"], patient=replace(MRN, system="urn:oid:1.2.276.0.76.4.16"))
    return {name: report(one, PROTOCOLS, WRITING) for name, one in found.items()}
