"""Key Object Selection documents (PS3.3 A.35.4, TID 2010): key frames of a report's video, and the note that rejects what was withdrawn.

The rejection note is IHE's Imaging Object Change Management (IHE RAD TF-3, 4.66): an archive that knows it hides the reports that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

from highdicom.sr import (
    CompositeContentItem,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from wince.delivery.sr import uids
from wince.delivery.sr.codes import DCM, Coded
from wince.delivery.sr.content import concept
from wince.delivery.sr.document import SR_CLASS, Circumstances, cited, frame, reference
from wince.delivery.sr.evidence import Evidence
from wince.delivery.sr.report import Report

KEY_OBJECTS_CLASS = str(KeyObjectSelectionDocumentStorage)
OF_INTEREST = Coded("113000", DCM, "Of Interest")
REJECTED = Coded("113037", DCM, "Rejected for Patient Safety Reasons")
DESCRIPTION = Coded("113012", DCM, "Key Object Description")
SOURCE = Coded("260753009", "SCT", "Source")
KINDS = frozenset({"e-alert", "e-grade", "e-verdict"})
"""Kinds of entries that have key frames: those that say a grade of a stretch."""
_CONTAINS = RelationshipTypeValues.CONTAINS


def key_frames(report: Report, evidence: Evidence) -> tuple[int, ...]:
    """The first, middle and last frame of the report's stretch in the object, counted from 1. Of a still picture: none."""
    if evidence.frames < 2 or evidence.rate_hz <= 0:
        return ()
    begin, end = ((at - evidence.begin_us) / 1e6 * evidence.rate_hz for at in (report.start_us, report.end_us))
    found = (min(max(round(at), 0), evidence.frames - 1) + 1 for at in (begin, (begin + end) / 2, end - 1))
    return tuple(sorted(set(found)))


def has_key_frames(report: Report) -> bool:
    """Whether a report has key frames, if its source is a DICOM object."""
    return report.kind.value in KINDS and not report.withdrawn


def selection(report: Report, now: Circumstances, evidence: Evidence) -> Dataset:
    """The Key Object Selection of a report's key frames."""
    made = frame(
        report, now, "KO", KEY_OBJECTS_CLASS, uids.instance(report.entry, report.revision, now.target, "key-objects"), "key objects"
    )
    frames = key_frames(report, evidence)
    image = ImageContentItem(
        concept(SOURCE), evidence.sop_class, evidence.sop, referenced_frame_numbers=list(frames) or None, relationship_type=_CONTAINS
    )
    said = ", ".join(finding.value.meaning for finding in report.findings) or report.kind.meaning
    made.update(_root(OF_INTEREST, f"Wince {report.protocol}, report {report.entry}: {said}", [image]))
    made.CurrentRequestedProcedureEvidenceSequence = [cited(evidence)]
    return made


def rejection(report: Report, now: Circumstances) -> Dataset:
    """The note that rejects every earlier revision of a withdrawn report."""
    made = frame(report, now, "KO", KEY_OBJECTS_CLASS, uids.instance(report.entry, report.revision, now.target, "rejection"), "rejection")
    before = [uids.instance(report.entry, revision, now.target) for revision in range(1, report.revision)]
    items = [CompositeContentItem(concept(SOURCE), SR_CLASS, sop, relationship_type=_CONTAINS) for sop in before]
    made.update(_root(REJECTED, "Entered in error", items))
    series = uids.series(str(made.StudyInstanceUID), f"{now.target} report", report.protocol)
    made.CurrentRequestedProcedureEvidenceSequence = [reference(str(made.StudyInstanceUID), series, SR_CLASS, *before)]
    return made


def _root(title: Coded, said: str, items: Sequence[ContentItem]) -> Dataset:
    root = ContainerContentItem(concept(title), template_id="2010")
    root.ContentSequence = ContentSequence([TextContentItem(concept(DESCRIPTION), said, _CONTAINS), *items])
    return root
