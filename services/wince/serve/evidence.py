"""The DICOM object that a source is, out of the database, as a report cites it."""

from __future__ import annotations

from functools import partial

from wince.delivery.sr.evidence import Evidence, Find
from wince.domain.study import StudyFacts
from wince.store import studies
from wince.store.database import Database

REPEATED = (
    "PatientName", "PatientSex", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
)  # fmt: skip
"""Of what the object says further, that which is patient's and study's: every object of a study has the same there."""


def finder(database: Database) -> Find:
    """Looks sources up."""
    return partial(of, database)


def of(database: Database, source: str) -> Evidence | None:
    """The object that a source is; None: a camera, or a file. Raises StoreError, Unavailable."""
    with database.transaction() as tx:
        study = studies.of(tx, source)
    if study is None:
        return None
    facts = study.facts
    begin_us = study.origin_us if study.origin_us is not None else facts.at_us
    return Evidence(
        study=facts.study,
        series=facts.series,
        sop_class=facts.sop_class,
        sop=facts.instance,
        begin_us=begin_us or 0,
        frames=facts.frames,
        rate_hz=_rate_hz(facts),
        patient_id=facts.patient,
        attributes=_attributes(facts),
    )


def _rate_hz(facts: StudyFacts) -> float:
    """Pictures a second; of pictures whose times lie apart unevenly, the mean. 0: one picture, or no times."""
    if facts.frames < 2:
        return 0.0
    return facts.rate_hz or (facts.frames * 1e6 / facts.duration_us if facts.duration_us else 0.0)


def _attributes(facts: StudyFacts) -> dict[str, str]:
    found = {name: facts.header[name] for name in REPEATED if name in facts.header}
    found |= {"PatientID": facts.patient, "AccessionNumber": facts.accession}
    found["PatientBirthDate"] = facts.birth_date.strftime("%Y%m%d") if facts.birth_date else ""
    if facts.issuer:
        found["IssuerOfPatientID"] = facts.issuer
    if facts.admission:
        found["AdmissionID"] = facts.admission
    return found
