"""The content tree of a report: TID 1500 Measurement Report with one group (TID 1501), by highdicom's templates. Pure.

Imaging Measurement Report
  Language, observer (TID 1002): this installation; the nurse, where she observed or confirmed
  Procedure reported: how the score came to be
  Imaging Measurements > Measurement Group
    Tracking identifier (the entry's id), Finding (why it is charted), Measurement Method
    Algorithm name, version, parameters (weights' and rule's hash)
    Begin and end of the stretch
    Measurements: the score, numbers beside it, action units
    Of what was not measured, a code that says so
    Grade, or the reason why there is none; comments, with the label
    The video and, below the first measurement, its seconds (TCOORD), where the source is a DICOM object
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    CodedConcept,
    ContentItem,
    ContentSequence,
    DateTimeContentItem,
    DeviceObserverIdentifyingAttributes,
    ImageContentItem,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TcoordContentItem,
    TemporalRangeTypeValues,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from wince.delivery.sr import codes, uids
from wince.delivery.sr.codes import DCM, Coded
from wince.delivery.sr.evidence import Evidence
from wince.delivery.sr.report import Algorithm, Report, Value

TITLE = Coded("126000", DCM, "Imaging Measurement Report")
STARTED = Coded("111526", DCM, "DateTime Started")
ENDED = Coded("111527", DCM, "DateTime Ended")
COMMENT = Coded("121106", DCM, "Comment")
SOURCE = Coded("121112", DCM, "Source of Measurement")
PERSON = Coded("121006", DCM, "Person")
DEVICE = Coded("121007", DCM, "Device")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CONTAINS, _INFERRED = RelationshipTypeValues.CONTAINS, RelationshipTypeValues.INFERRED_FROM


def moment(time_us: int) -> str:
    """Microseconds UTC as a DICOM date time (DT).

    >>> moment(1_700_000_000_123_456)
    '20231114221320.123456+0000'
    """
    return (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y%m%d%H%M%S.%f+0000")


def concept(code: Coded, *also: Coded) -> CodedConcept:
    """A code as DICOM has it; `also`: what it is in other schemes (Equivalent Code Sequence)."""
    made = CodedConcept(code.value, code.scheme, code.meaning)
    if also:
        made.EquivalentCodeSequence = [CodedConcept(one.value, one.scheme, one.meaning) for one in also]
    return made


def content(report: Report, evidence: Evidence | None) -> Dataset:
    """The root of the tree. `evidence`: the DICOM object that was looked at, if it was one."""
    measurements = [_measurement(value) for value in report.values if value.number is not None]
    group = MeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(uids.uid(report.entry), str(report.entry)),
        finding_type=concept(report.kind),
        method=concept(report.method),
        algorithm_id=_algorithm(report.algorithm) if report.algorithm else None,
        measurements=measurements,
        source_images=[SourceImageForMeasurementGroup(evidence.sop_class, evidence.sop)] if evidence else None,
    )
    items: ContentSequence = group[0].ContentSequence
    for name, at_us in ((STARTED, report.start_us), (ENDED, report.end_us)):
        items.append(DateTimeContentItem(concept(name), moment(at_us), _CONTAINS))
    for value in report.values:
        if value.absent is not None:
            items.append(CodeContentItem(concept(value.name, *value.also), concept(value.absent), _CONTAINS))
    for finding in report.findings:
        items.append(CodeContentItem(concept(finding.name), concept(finding.value), _CONTAINS))
    for note in report.notes:
        items.append(TextContentItem(concept(COMMENT), note, _CONTAINS))
    if evidence is not None:
        _cite(items, report, evidence)
    made = MeasurementReport(
        observation_context=_observers(report),
        procedure_reported=concept(report.method),
        imaging_measurements=[group],
        title=concept(TITLE),
    )
    return made[0]


def _measurement(value: Value) -> Measurement:
    """A number. What is missing is a code instead: the standard allows a number without value (NUM with an empty Measured Value
    Sequence), but common readers, highdicom among them, break on it."""
    assert value.number is not None
    return Measurement(concept(value.name, *value.also), value.number, concept(value.unit))


def _algorithm(said: Algorithm) -> AlgorithmIdentification:
    return AlgorithmIdentification(said.name, said.version, list(said.parameters), manufacturer="Wince")


def _observers(report: Report) -> ObservationContext:
    device = DeviceObserverIdentifyingAttributes(
        report.device, name="Wince", manufacturer_name="Wince", model_name="Wince", physical_location=codes.plain(report.bed) or None
    )
    person = None
    if report.nurse:
        person = ObserverContext(concept(PERSON), PersonObserverIdentifyingAttributes(name(report.nurse), login_name=report.nurse))
    return ObservationContext(person, None if report.own else ObserverContext(concept(DEVICE), device))


def name(staff: str) -> str:
    """A person of whom only the staff identifier is known, as a person's name (PN): the identifier as family name.

    >>> name("N-17")
    'N-17^'
    """
    return codes.plain(staff).replace("^", " ").replace("=", " ")[:63] + "^"


def _cite(items: ContentSequence, report: Report, evidence: Evidence) -> None:
    """The seconds of the object, below the first thing that is said of them; of a still picture there are none."""
    if evidence.frames < 2 or evidence.rate_hz <= 0:
        return
    last = evidence.frames / evidence.rate_hz
    span = [min(max(0.0, (at - evidence.begin_us) / 1e6), last) for at in (report.start_us, report.end_us)]
    seconds = TcoordContentItem(
        concept(SOURCE),
        TemporalRangeTypeValues.SEGMENT,
        referenced_time_offsets=[round(at, 3) for at in span],
        relationship_type=_INFERRED,
    )
    image = ImageContentItem(concept(SOURCE), evidence.sop_class, evidence.sop, relationship_type=RelationshipTypeValues.SELECTED_FROM)
    seconds.ContentSequence = ContentSequence([image])
    said = next((item for item in items if _says(item)), None)
    if said is not None:
        said.ContentSequence = ContentSequence([*(said.ContentSequence if "ContentSequence" in said else ()), seconds])


def _says(item: ContentItem) -> bool:
    """Whether an item is a measurement, or the grade or reason."""
    return item.ValueType == "NUM" or (item.ValueType == "CODE" and item.name.scheme_designator == codes.OURS)
