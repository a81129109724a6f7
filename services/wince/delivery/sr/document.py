"""The DICOM object of a report: Comprehensive 3D SR (PS3.3 A.35.13), and what stands around its content tree.

highdicom's class for it wants a picture as evidence. A bedside camera gives none, and the standard asks for none, so the modules around the
tree are written here: Patient, General Study, SR Document Series, General Equipment, SR Document General, SOP Common. The same facts give
the same bytes, however often a report is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, Comprehensive3DSRStorage, ExplicitVRLittleEndian

from wince.delivery.sr import codes, uids
from wince.delivery.sr.content import content, moment, name
from wince.delivery.sr.evidence import Evidence
from wince.delivery.sr.report import Report
from wince.dicom import extra
from wince.dicom.scp.pdu import IMPLEMENTATION, IMPLEMENTATION_UID
from wince.domain.stay import Identifier

SR_CLASS = str(Comprehensive3DSRStorage)
_AUTHORITY = "urn:wince:authority:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WITHDRAWN = "Withdrawn: entered in error"


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a report when it is sent."""

    target: str
    organization: str
    """Who answers for what a nurse confirmed."""
    version: str
    """Wince's."""
    born: str = ""
    """The patient's birth date, YYYY-MM-DD; empty where unknown."""
    evidence: Evidence | None = None
    replaces: bool = False
    """The revision before lies at this archive."""
    zone: tzinfo = UTC
    """The site's time zone: that of a study whose object says none."""

    def joined(self, report: Report) -> Evidence | None:
        """The object whose study the report joins; None: it stands in a study of its own."""
        return self.evidence if self.evidence is not None and self.evidence.patient_id == report.patient.value else None


def document(report: Report, now: Circumstances) -> Dataset:
    """The Comprehensive 3D SR of a report, with its file meta information."""
    extra.quiet()
    made = frame(report, now, "SR", SR_CLASS, report.sop, "report")
    made.CompletionFlag = "COMPLETE"
    if report.withdrawn:
        made.CompletionFlagDescription = WITHDRAWN
    made.PreliminaryFlag = "PRELIMINARY" if report.status == "preliminary" else "FINAL"
    _verified(made, report, now)
    made.PerformedProcedureCodeSequence = []
    made.ReferencedPerformedProcedureStepSequence = []
    if now.replaces and report.predecessor:
        made.PredecessorDocumentsSequence = [reference(made.StudyInstanceUID, made.SeriesInstanceUID, SR_CLASS, report.predecessor)]
    if now.evidence is not None:
        if now.joined(report):
            made.CurrentRequestedProcedureEvidenceSequence = [cited(now.evidence)]
        else:
            made.PertinentOtherEvidenceSequence = [cited(now.evidence)]
    if report.schemes:
        made.CodingSchemeIdentificationSequence = [_scheme(one) for one in report.schemes]
    made.update(content(report, now.evidence))
    return made


def frame(report: Report, now: Circumstances, modality: str, sop_class: str, sop: str, what: str) -> Dataset:
    """A new object in the report's study: all modules that a report and a key object selection have in common."""
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    _patient(made, report, now)
    made.Modality = modality
    joined = now.joined(report)
    study = joined.study if joined else report.study
    made.StudyInstanceUID = UID(study)
    made.SeriesInstanceUID = UID(uids.series(study, f"{now.target} {what}", report.protocol))
    made.SeriesNumber = _SERIES_NUMBER[what]
    made.SeriesDescription = f"Wince {report.protocol}: {what}"[:64]
    made.ReferencedPerformedProcedureStepSequence = []
    made.SOPClassUID, made.SOPInstanceUID = UID(sop_class), UID(sop)
    made.InstanceNumber = report.issued_us // 1_000_000 % (1 << 31)
    made.Manufacturer, made.ManufacturerModelName, made.SoftwareVersions = "Wince", "Wince", now.version
    made.DeviceSerialNumber = report.device
    _times(made, report, now)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(sop_class), UID(sop)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = UID(IMPLEMENTATION_UID), IMPLEMENTATION
    made.file_meta = meta
    return made


_SERIES_NUMBER = {"report": 9901, "key objects": 9902, "rejection": 9903}


def _patient(made: Dataset, report: Report, now: Circumstances) -> None:
    """Of a DICOM source, as its object has it, so that the study stays one patient's; else what the census knows: a number, a birth
    date, no name and no sex."""
    made.PatientName, made.PatientSex = "", ""
    made.PatientID = report.patient.value
    _issuer(made, report.patient)
    made.PatientBirthDate = now.born.replace("-", "")
    made.StudyDate = made.StudyTime = made.StudyID = made.AccessionNumber = made.ReferringPhysicianName = ""
    made.StudyDescription = "Observation of the face by Wince"
    made.AdmissionID = codes.plain(report.encounter.value)[:64]
    if joined := now.joined(report):
        for keyword in ("StudyDescription", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence"):
            if keyword in made:
                del made[keyword]
        for keyword, text in joined.attributes.items():
            setattr(made, keyword, text)


def _issuer(made: Dataset, patient: Identifier) -> None:
    """The assigning authority: its name, or its URI as a universal id."""
    if patient.system.startswith(_AUTHORITY):
        made.IssuerOfPatientID = codes.plain(patient.system.removeprefix(_AUTHORITY))[:64]
        return
    issuer = Dataset()
    oid = patient.system.removeprefix("urn:oid:")
    issuer.UniversalEntityID, issuer.UniversalEntityIDType = (oid, "ISO") if oid != patient.system else (patient.system, "URI")
    made.IssuerOfPatientIDQualifiersSequence = [issuer]


def _times(made: Dataset, report: Report, now: Circumstances) -> None:
    """Dates and times of an object are all in one zone: that of the study's, or UTC, said in Timezone Offset From UTC."""
    zone: tzinfo = UTC
    if now.joined(report) is None:
        made.TimezoneOffsetFromUTC = "+0000"
    else:
        zone = _offset(str(made.get("TimezoneOffsetFromUTC", ""))) or now.zone
    at = (_EPOCH + timedelta(microseconds=report.issued_us)).astimezone(zone)
    day, clock = at.strftime("%Y%m%d"), at.strftime("%H%M%S.%f")
    made.ContentDate, made.ContentTime = day, clock
    made.SeriesDate, made.SeriesTime = "", ""
    made.InstanceCreationDate, made.InstanceCreationTime = day, clock


def _offset(said: str) -> tzinfo | None:
    """The zone of an offset such as +0100; None where it is none."""
    try:
        return datetime.strptime(said, "%z").tzinfo
    except ValueError:
        return None


def _verified(made: Dataset, report: Report, now: Circumstances) -> None:
    """Verified is what a nurse scored or confirmed: she is accountable for it."""
    if not report.nurse or report.withdrawn:
        made.VerificationFlag = "UNVERIFIED"
        return
    made.VerificationFlag = "VERIFIED"
    who = Dataset()
    who.VerifyingObserverName = name(report.nurse)
    who.VerifyingObserverIdentificationCodeSequence = []
    who.VerifyingOrganization = now.organization
    who.VerificationDateTime = moment(report.issued_us)
    made.VerifyingObserverSequence = [who]


def cited(evidence: Evidence) -> Dataset:
    """The hierarchical reference to the object that was looked at."""
    return reference(evidence.study, evidence.series, evidence.sop_class, evidence.sop)


def reference(study: str, series: str, sop_class: str, *sops: str) -> Dataset:
    """The hierarchical reference to instances of one class in one series."""
    of_study, of_series = Dataset(), Dataset()
    of_series.SeriesInstanceUID, of_series.ReferencedSOPSequence = series, []
    for sop in sops:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop
        of_series.ReferencedSOPSequence.append(item)
    of_study.StudyInstanceUID, of_study.ReferencedSeriesSequence = study, [of_series]
    return of_study


def _scheme(one: codes.Scheme) -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = one.designator, one.name
    if one.version:
        item.CodingSchemeVersion = one.version
    where = Dataset()
    where.CodingSchemeURLType, where.CodingSchemeURL = "FHIR", one.uri
    item.CodingSchemeResourcesSequence = [where]
    return item
