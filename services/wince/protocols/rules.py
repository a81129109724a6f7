"""What a clinical protocol says, as data. One class per table of its TOML file; the loader checks them (loader.py).

Every field is a key of the table of the same name. Seconds, pixels and degrees are plain numbers in the unit that the name
carries.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wince.domain.charting import ChartRules
from wince.domain.clip import Clip
from wince.domain.population import Population
from wince.domain.scales import Scale
from wince.protocols.train_rules import Member, TrainRules


@dataclass(frozen=True, slots=True)
class DetectLimits:
    """[detect]: which faces can be assessed. Beyond a limit the face is unassessable with that limit's reason."""

    rate_hz: float
    """Frames a second that capture samples; what a window expects."""
    min_size_px: float
    """Distance of the outer eye corners (Quality.size_px); below: SMALL."""
    min_brightness: float
    """Mean grey of the face box, 0-255; below: DARK."""
    min_sharpness: float
    """Variance of the Laplacian of the 224 px grey crop; below: BLURRED."""
    max_yaw: float
    """Degrees of turning left or right, either way; beyond: TURNED."""
    max_pitch: float
    """Degrees of nodding up or down, either way; beyond: TURNED."""
    max_roll: float
    """Degrees of tilting, either way; beyond: TURNED, beyond 120: UPSIDE_DOWN."""
    max_occlusion: float
    """0 free to 1 covered (Quality.occlusion); beyond: COVERED."""
    min_presence: float
    """The mesh's own presence, 0-1; below: the face is lost and searched again."""
    full_range: bool
    """Search with the full-range detector (bedside cameras); False: the short-range one (a face within 2 m)."""
    search_every_s: float
    """While a face is tracked, look for others this often."""
    detector: str = "blazeface"
    """blazeface, or mtcnn: slower, looks at every frame and gives the five points of `crop`."""
    crop: str = "mesh"
    """How the 224 px crop is cut. mesh: eyes level and of one size, by the mesh; points: by the detector's five points (mtcnn); padded:
    the face's box, aspect kept, padded to a square."""
    dim_share: float = 0.0
    """A clip of which at least this share of frames is DARK is left out whole, 0-1; 0: never."""
    filming: str = ""
    """How the face is to be filmed; for people."""

    def apart(self, other: DetectLimits) -> str:
        """The first key in which two protocols look for faces differently, so that one search can't serve both; empty: none."""
        keys = ("rate_hz", "detector", "full_range", "search_every_s", "min_presence")
        return next((key for key in keys if getattr(self, key) != getattr(other, key)), "")


@dataclass(frozen=True, slots=True)
class EstimateRules:
    """[estimate]: who puts numbers on a face."""

    scorer: str
    """activity: Wince's own, without data of a site, for adults. ensemble: `members`, which the site trains."""
    models: tuple[str, ...]
    """Model files that detector, mesh and scorer need, all of them, by their names in the models lock."""
    fusion: str
    """mean, weighted or majority: how several members become one."""
    weights: tuple[float, ...] = ()
    """One per member, for weighted; else empty."""
    max_age_s: float = 10.0
    """A face that waited longer is LATE and not scored."""
    members: tuple[Member, ...] = ()
    """Models that the site must train; without them the protocol does not grade. Empty: the scorer runs without site data."""
    choose: bool = False
    """True: the members are candidates, training keeps the best one; False: all of them answer, or none counts."""
    classes: tuple[str, ...] = ()
    """Grades that the members tell apart, in the order of the scale, two or more; empty without members."""
    reference: bool = False
    """Whether a reference of the same patient (a calm face) may be used."""
    instead: str = ""
    """Protocol that people may use where the members are missing; never taken by itself. Empty: nothing stands in."""


@dataclass(frozen=True, slots=True)
class WindowRules:
    """[window]: the grid."""

    length_s: float
    """Length of a window; windows begin at multiples of it. It divides an hour and holds one frame at least."""
    min_share: float
    """Assessable share below which a window has no grade, 0-1 (0 excluded)."""


@dataclass(frozen=True, slots=True)
class ConflictRule:
    """[grade.conflict]: a smile and a score at once; the frame counts as CONFLICT, never as 0."""

    min_smile: float
    """From this smile on, 0-1."""
    min_score: float
    """From this score on, on the scale."""


@dataclass(frozen=True, slots=True)
class AlertRule:
    """[grade.alert]: when people are called."""

    grade: str
    """Name of the lowest grade that alerts; not the scale's lowest."""
    stable_s: float
    """How long the debounced grade must hold, seconds."""
    clear_after_s: float
    """The episode ends when no frame has held the grade (lower, or not seen) for this time, seconds; then a new one may open."""


@dataclass(frozen=True, slots=True)
class QuestionRule:
    """[grade.question]: when a nurse is asked; once per stretch."""

    after_s: float
    """How long a conflict or uncertainty must last, seconds."""
    unassessable_after_s: float
    """After how many unassessable seconds a nurse is asked, whatever the reason; 0: never."""
    repeat_after_s: float
    """Least time between two questions for the same reason, seconds."""


@dataclass(frozen=True, slots=True)
class CalmRule:
    """[grade.calm]: when the patient's own calm face is known."""

    max_score: float
    """Frames scored above it don't count as calm; on the scale."""
    min_frames: int
    """Calm frames needed before the calm face is used."""


@dataclass(frozen=True, slots=True)
class GradeRules:
    """[grade]: from numbers to grades, alerts and questions."""

    debounce_frames: int
    """A grade holds after this number of equal frames in a row: 1 to the frames of a window (window.length_s x detect.rate_hz)."""
    min_confidence: float
    """Below it a frame is UNCERTAIN, 0-1."""
    alert: AlertRule
    """When people are called."""
    conflict: ConflictRule
    """A smile and a score at once."""
    question: QuestionRule
    """When a nurse is asked."""
    calm: CalmRule
    """When the patient's own calm face is known."""


@dataclass(frozen=True, slots=True)
class ReportRules:
    """[report]: what stands beside every number."""

    label: str
    """Such as "research use, not validated, adjunct to a nurse's judgement"."""
    published: tuple[str, ...] = ()
    """What comes from a publication, with its source."""
    ours: tuple[str, ...] = ()
    """What we decided."""
    traps: tuple[str, ...] = ()
    """How the published figures mislead."""


@dataclass(frozen=True, slots=True)
class GradeCode:
    """[codes.grades.<name>]: how one grade is coded (Observation.interpretation). No two grades share a code, or words."""

    system: str
    """Code system as a URI."""
    code: str
    """The code; no blanks at its ends."""
    display: str
    """Its words."""


@dataclass(frozen=True, slots=True)
class Codes:
    """[codes]: FHIR and HL7 v2 coding of the observation."""

    system: str
    """Code system as a URI."""
    code: str
    """Observation.code; none of LOINC's for what a patient said."""
    display: str
    """Its words."""
    unit: str
    """The score's unit as people read it (Quantity.unit), such as "score"."""
    unit_code: str
    """The same unit in UCUM (Quantity.code), such as {score}, 1, % or mm."""
    category: str
    """Code in http://terminology.hl7.org/CodeSystem/observation-category."""
    method: str
    """Text of Observation.method."""
    grades: dict[str, GradeCode] = field(default_factory=dict)
    """One per grade of the scale, by its name."""


@dataclass(frozen=True, slots=True)
class ClinicalProtocol:
    """A whole protocol, checked. Made by `loader.load`."""

    name: str
    """The file's own name without .toml: small letters, digits and "-", at most 40."""
    title: str
    """What people read."""
    version: str
    """Of the file, as the site counts."""
    population: Population
    """Whom the protocol may judge."""
    scale: Scale
    """What a score means."""
    detect: DetectLimits
    """Which faces can be assessed."""
    estimate: EstimateRules
    """Who puts numbers on a face."""
    window: WindowRules
    """The grid of time."""
    grade: GradeRules
    """From numbers to grades, alerts and questions."""
    chart: ChartRules
    """What goes into the record."""
    train: TrainRules
    """How a site makes its own model."""
    report: ReportRules
    """What stands beside every number."""
    codes: Codes
    """How the record codes it."""
    rule: str = ""
    """sha256 (hex) of the canonical content; set by the loader."""
    path: str = ""
    """The file that it came from."""

    @property
    def clip(self) -> Clip | None:
        """What those of the members that see clips look at; None where none does."""
        seers = [member for member in self.estimate.members if member.sees == "clip"]
        return Clip(tuple(member.name for member in seers), seers[0].frames, seers[0].rate_hz) if seers else None

    @property
    def window_us(self) -> int:
        """Length of a window, microseconds."""
        return round(self.window.length_s * 1_000_000)
