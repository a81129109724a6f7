"""What a report cites of an object, out of what is kept of it."""

from dataclasses import replace
from datetime import date

from wince.domain.study import StudyFacts
from wince.serve.evidence import REPEATED, of
from wince.store import studies
from wince.store.database import Database

FACTS = StudyFacts(
    instance="1.2.3.4.5", sop_class="1.2.840.10008.5.1.4.1.1.77.1.4.1", syntax="1.2.840.10008.1.2.4.102", study="1.2.3", series="1.2.3.4",
    accession="A1", patient="4711", issuer="HOSP", issuer_universal="", issuer_kind="", birth_date=date(1950, 1, 2), admission="V-9",
    at_us=1_700_000_003_000_000, zoned=True, frames=220, rate_hz=10.0, duration_us=22_000_000, pictures=True,
    header={"PatientName": "Doe^Jane", "StudyDate": "20231114", "Modality": "XC", "SeriesDescription": "Clip", "Rows": "480"},
)  # fmt: skip


def kept(database: Database, facts: StudyFacts, origin_us: int | None = 1_700_000_005_000_000) -> None:
    from uuid import UUID

    study = studies.Study(facts, 1, UUID(int=1), "CART", 0, None, None, "held", "unknown_patient", 0, 0, origin_us, None, None, False)
    with database.transaction() as tx:
        assert studies.take(tx, study, b"x") == ""


def test_a_source_that_is_an_object_is_cited_with_its_study_and_patient_alone(database: Database) -> None:
    kept(database, FACTS)
    assert of(database, "camera-1") is None
    found = of(database, FACTS.instance)
    assert found is not None
    assert (found.study, found.series, found.sop, found.frames, found.rate_hz, found.patient_id) == (
        "1.2.3", "1.2.3.4", "1.2.3.4.5", 220, 10.0, "4711",
    )  # fmt: skip
    assert found.begin_us == 1_700_000_005_000_000
    assert found.attributes == {
        "PatientName": "Doe^Jane", "StudyDate": "20231114", "PatientID": "4711", "AccessionNumber": "A1", "PatientBirthDate": "19500102",
        "IssuerOfPatientID": "HOSP", "AdmissionID": "V-9",
    }  # fmt: skip
    assert not {"Modality", "SeriesDescription", "Rows"} & set(REPEATED)


def test_pictures_without_a_rate_have_the_mean_and_one_picture_none(database: Database) -> None:
    kept(database, replace(FACTS, instance="1.1", rate_hz=None), origin_us=None)
    kept(database, replace(FACTS, instance="1.2", frames=1, rate_hz=None, duration_us=0, birth_date=None, issuer="", admission=""))
    uneven, still = of(database, "1.1"), of(database, "1.2")
    assert uneven is not None
    assert still is not None
    assert (uneven.rate_hz, uneven.begin_us, still.rate_hz) == (10.0, FACTS.at_us, 0.0)
    assert still.attributes["PatientBirthDate"] == ""
    assert not {"IssuerOfPatientID", "AdmissionID"} & still.attributes.keys()
