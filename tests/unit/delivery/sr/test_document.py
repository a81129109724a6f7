"""The DICOM object of a report: whose it is, what it cites, what it replaces; the same facts give the same bytes."""

from dataclasses import replace
from datetime import UTC
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydicom.dataset import Dataset

from tests.contract.ehr.samples import START
from tests.support.reports import EVIDENCE, reports
from wince.delivery.sr.document import SR_CLASS, Circumstances, document
from wince.delivery.sr.key_objects import KEY_OBJECTS_CLASS, key_frames, rejection, selection
from wince.delivery.sr.report import Report

NOW = Circumstances("archive", "Test Hospital", "0.1.0", born="1940-01-02")
VIDEO = replace(NOW, evidence=EVIDENCE)


def items(node: Dataset) -> list[Dataset]:
    """Every content item of a tree."""
    mine = list(node.get("ContentSequence") or ())
    return mine + [below for one in mine for below in items(one)]


def named(node: Dataset, code: str) -> list[Dataset]:
    return [one for one in items(node) if "ConceptNameCodeSequence" in one and _code(one.ConceptNameCodeSequence[0]) == code]


def _code(item: Dataset) -> str:
    return str(item.get("CodeValue") or item.get("LongCodeValue"))


def encoded(made: Dataset) -> bytes:
    stream = BytesIO()
    made.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize("now", [NOW, VIDEO], ids=["camera", "video"])
def test_the_same_facts_give_the_same_bytes(now: Circumstances) -> None:
    for facts in reports().values():
        assert encoded(document(facts, now)) == encoded(document(facts, now))
        assert encoded(document(facts, now)) == encoded(document(replace(facts), replace(now)))


def test_of_a_bedside_camera_the_census_says_whose_it_is() -> None:
    facts = reports()["grade"]
    made = document(facts, NOW)
    assert (made.PatientID, made.IssuerOfPatientID, made.PatientBirthDate) == ("4711", "HOSP", "19400102")
    assert (made.PatientName, made.PatientSex, made.AdmissionID) == ("", "", "V-9")
    assert made.StudyInstanceUID == facts.study
    assert "CurrentRequestedProcedureEvidenceSequence" not in made
    assert not [one for one in items(made) if one.ValueType in ("IMAGE", "TCOORD")]
    [begin] = named(made, "111526")
    assert str(begin.DateTime) == "20231114221400.000000+0000"
    oid = document(reports()["two"], NOW)
    assert "IssuerOfPatientID" not in oid
    assert oid.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID == "1.2.276.0.76.4.16"


def test_of_a_video_it_joins_the_study_as_it_is_and_cites_the_seconds() -> None:
    made = document(reports()["grade"], VIDEO)
    assert (made.StudyInstanceUID, made.PatientID, str(made.PatientName)) == ("1.2.3", "4711", "Müller^Änne")
    assert (made.AccessionNumber, made.StudyDate, made.StudyTime, made.StudyDescription) == ("ACC-1", "20231114", "231350", "Ward round")
    assert "IssuerOfPatientID" not in made  # the object has none
    assert made.SeriesInstanceUID != EVIDENCE.series
    [seconds] = [one for one in items(made) if one.ValueType == "TCOORD"]
    assert (seconds.RelationshipType, list(seconds.ReferencedTimeOffsets)) == ("INFERRED FROM", [10.0, 70.0])
    [image] = seconds.ContentSequence
    assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == EVIDENCE.sop
    [study] = made.CurrentRequestedProcedureEvidenceSequence
    assert study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == EVIDENCE.sop


def test_an_object_under_another_number_is_cited_from_the_patients_own_study() -> None:
    """A study at the archive never gets two patients: after a merge, or where a person said whose the object is."""
    facts = reports()["grade"]
    made = document(facts, replace(NOW, evidence=replace(EVIDENCE, patient_id="0815")))
    assert (made.StudyInstanceUID, made.PatientID, made.PatientName, made.TimezoneOffsetFromUTC) == (facts.study, "4711", "", "+0000")
    [study] = made.PertinentOtherEvidenceSequence
    assert study.StudyInstanceUID == EVIDENCE.study
    assert "CurrentRequestedProcedureEvidenceSequence" not in made


def test_times_are_in_the_zone_of_the_study() -> None:
    """Dates of an object share one offset: that of the study's object, else the site's."""
    at = reports()["grade"]
    assert (document(at, NOW).ContentTime[:6], document(at, NOW).TimezoneOffsetFromUTC) == ("221501", "+0000")
    assert (document(at, VIDEO).ContentTime[:6], document(at, VIDEO).TimezoneOffsetFromUTC) == ("231501", "+0100")
    silent = replace(EVIDENCE, attributes={"PatientID": "4711"})
    made = document(at, replace(NOW, evidence=silent, zone=ZoneInfo("Asia/Tokyo")))
    assert (made.ContentDate, made.ContentTime[:6], "TimezoneOffsetFromUTC" in made) == ("20231115", "071501", False)
    assert NOW.zone is UTC


def test_seconds_outside_the_object_are_its_ends_and_a_still_picture_has_none() -> None:
    facts = replace(reports()["grade"], start_us=START - 20_000_000, end_us=START + 999_000_000)
    [seconds] = [one for one in items(document(facts, VIDEO)) if one.ValueType == "TCOORD"]
    assert list(seconds.ReferencedTimeOffsets) == [0.0, 100.0]
    still = replace(EVIDENCE, frames=1, rate_hz=0.0)
    made = document(facts, replace(NOW, evidence=still))
    assert not [one for one in items(made) if one.ValueType == "TCOORD"]
    assert [one.ValueType for one in items(made)].count("IMAGE") == 1


def test_a_verdict_cites_the_seconds_too() -> None:
    for name in ("verdict-score", "verdict-grade", "verdict-unknown", "unassessable"):
        [seconds] = [one for one in items(document(reports()[name], VIDEO)) if one.ValueType == "TCOORD"]
        assert list(seconds.ReferencedTimeOffsets) == [10.0, 70.0]


def test_a_revision_names_what_it_replaces_where_that_is_there() -> None:
    confirmed = reports()["confirmed"]
    made = document(confirmed, replace(NOW, replaces=True))
    [study] = made.PredecessorDocumentsSequence
    series = study.ReferencedSeriesSequence[0]
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (made.StudyInstanceUID, made.SeriesInstanceUID)
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == confirmed.predecessor
    assert "PredecessorDocumentsSequence" not in document(confirmed, NOW)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("grade", ("PRELIMINARY", "UNVERIFIED", None)),
        ("confirmed", ("FINAL", "VERIFIED", None)),
        ("verdict-score", ("FINAL", "VERIFIED", None)),
        ("withdrawn", ("FINAL", "UNVERIFIED", "Withdrawn: entered in error")),
    ],
)
def test_flags_say_how_far_it_is(name: str, flags: tuple[Any, ...]) -> None:
    made = document(reports()[name], NOW)
    assert (made.PreliminaryFlag, made.VerificationFlag, made.get("CompletionFlagDescription")) == flags
    if flags[1] == "VERIFIED":
        [who] = made.VerifyingObserverSequence
        assert (str(who.VerifyingObserverName), who.VerifyingOrganization) == ("N-17^", "Test Hospital")
        assert [str(one.PersonName) for one in named(made, "121008")] == ["N-17^"]
    else:
        assert named(made, "121008") == []


def test_who_observed_is_the_device_or_the_nurse() -> None:
    of_software, own = document(reports()["grade"], NOW), document(reports()["verdict-score"], NOW)
    assert [one.UID for one in named(of_software, "121012")] == [reports()["grade"].device]
    assert named(own, "121012") == []
    assert [one.TextValue for one in named(of_software, "111001")] == ["Wince"]


@pytest.mark.parametrize(
    ("span", "frames"),
    [((0, 60), (251, 1001, 1750)), ((-30, -25), (1,)), ((200, 300), (2500,)), ((0, 0), (250, 251))],
)
def test_key_frames_lie_in_the_object(span: tuple[int, int], frames: tuple[int, ...]) -> None:
    facts = replace(reports()["alert"], start_us=START + span[0] * 1_000_000, end_us=START + span[1] * 1_000_000)
    assert key_frames(facts, EVIDENCE) == frames
    assert key_frames(facts, replace(EVIDENCE, frames=1)) == ()


def test_key_objects_and_rejections_have_series_and_uids_of_their_own() -> None:
    found = reports()
    facts: Report = replace(found["withdrawn"], revision=3)
    chosen, note, made = selection(found["alert"], VIDEO, EVIDENCE), rejection(facts, NOW), document(facts, NOW)
    assert {str(one.SOPClassUID) for one in (chosen, note)} == {KEY_OBJECTS_CLASS}
    assert len({chosen.SOPInstanceUID, note.SOPInstanceUID, made.SOPInstanceUID}) == 3
    assert note.SeriesInstanceUID != made.SeriesInstanceUID
    named_ = [one.ReferencedSOPSequence[0] for one in items(note) if one.ValueType == "COMPOSITE"]
    assert len(named_) == 2
    assert {str(one.ReferencedSOPClassUID) for one in named_} == {SR_CLASS}
    [study] = note.CurrentRequestedProcedureEvidenceSequence
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == made.SeriesInstanceUID
