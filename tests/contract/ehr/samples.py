"""One entry of every kind that can be charted, for mapping, validation and delivery."""

from dataclasses import replace
from uuid import UUID, uuid4

from wince.delivery.fhir.profiles.profile import Writing
from wince.delivery.fhir.profiles.profile import load as load_profile
from wince.delivery.site_code import SiteCode
from wince.domain.entry import Entry, Kind, TaskEntry
from wince.domain.reason import Reason
from wince.domain.stay import Identifier
from wince.protocols.loader import load

ACTIVITY = load("activity")
PROTOCOLS = {"activity": ACTIVITY}
MRN = Identifier("urn:wince:authority:HOSP", "4711")
VISIT = Identifier("urn:wince:authority:HOSP", "V-9")
START = 1_700_000_040_000_000


def entry(kind: Kind = Kind.GRADE, **changes: object) -> Entry:
    made = Entry(
        id=uuid4(),
        revision=1,
        kind=kind,
        origin=uuid4(),
        assessment=uuid4(),
        source="camera-1",
        bed="ICU^1^2",
        stay=uuid4(),
        patient=MRN,
        encounter=VISIT,
        protocol="activity",
        start_us=START,
        end_us=START + 60_000_000,
        issued_us=START + 61_500_000,
        grade=1,
        grade_name=ACTIVITY.scale.name_of(1),
        score=3.5,
        median=3.5,
        peak=5.25,
        assessable_share=0.91,
        confidence=0.8,
        reason=None,
        units=(1.0, None, 2.0, None, 0.5, 0.0),
        personal=False,
        model_set="ab" * 32,
        rule="cd" * 32,
        status="preliminary",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def question(**changes: object) -> TaskEntry:
    made = TaskEntry(
        id=uuid4(),
        revision=1,
        source="camera-1",
        bed="ICU^1^2",
        stay=uuid4(),
        patient=MRN,
        encounter=VISIT,
        protocol="activity",
        start_us=START,
        end_us=START + 60_000_000,
        issued_us=START + 61_500_000,
        reason=Reason.CONFLICT,
        focus=uuid4(),
        status="requested",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


_NOTHING = {"grade": None, "grade_name": "", "score": None, "median": None, "peak": None, "confidence": None, "assessable_share": 0.0}
_NURSE = {"nurse": "N-17", "status": "final", "median": None, "peak": None, "confidence": None, "units": (), "model_set": "", "rule": ""}


def samples() -> dict[str, Entry | TaskEntry]:
    """By name; fresh ids each time."""
    return {
        "grade": entry(),
        "alert": entry(Kind.ALERT, grade=2, grade_name="high", score=9.0, peak=9.0, end_us=START + 12_345_678),
        "summary": entry(Kind.SUMMARY, units=(), alerts=2),
        "unassessable": entry(Kind.UNASSESSABLE, reason=Reason.DARK, units=(None,) * 6, **_NOTHING),
        "unassessable-patient": entry(Kind.UNASSESSABLE, reason=Reason.PATIENT, units=(), **_NOTHING),
        "assessable": entry(Kind.ASSESSABLE, personal=True),
        "verdict-score": entry(Kind.VERDICT, **_NURSE),
        "verdict-grade": entry(Kind.VERDICT, score=None, **_NURSE),
        "verdict-unknown": entry(Kind.VERDICT, **{**_NOTHING, **_NURSE}),
        "confirmed": entry(revision=2, status="final", nurse="N-17"),
        "withdrawn": entry(revision=2, status="entered-in-error"),
        "task": question(),
        "task-done": question(revision=2, status="completed", focus=None, reason=Reason.UNCERTAIN),
    }


def writing(profile: str, **options: object) -> Writing:
    """How a site writes under a profile, with the codes that it needs."""
    made = load_profile(profile)
    codes = (SiteCode("activity", made.code_system, "3040123456", "Facial activity"),) if made.code_system else ()
    return Writing(made, site_codes=codes, **options)  # type: ignore[arg-type]


def fresh_stay() -> tuple[Identifier, Identifier]:
    """(patient, encounter) that no server knows yet."""
    return Identifier(MRN.system, f"P-{uuid4()}"), Identifier(VISIT.system, f"V-{uuid4()}")


def of(sample: Entry | TaskEntry, patient: Identifier, encounter: Identifier, identity: UUID | None = None) -> Entry | TaskEntry:
    """The same for another stay."""
    return replace(sample, patient=patient, encounter=encounter, id=identity or sample.id)
