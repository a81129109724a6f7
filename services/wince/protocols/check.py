"""What a protocol may not say: impossible thresholds, missing names, a chart that can't keep its budget."""

from __future__ import annotations

import math
import re

from wince.domain.loinc import fault
from wince.domain.population import Age
from wince.domain.ucum import is_unit
from wince.protocols.check_train import check_train
from wince.protocols.fault import fail
from wince.protocols.rules import ClinicalProtocol

DAY_S = 86_400
MAX_PER_DAY = 40
"""No protocol may chart more Observations a day."""
FUSIONS = ("mean", "weighted", "majority")
STATES = ("any", "awake", "sedated")
CATEGORIES = ("survey", "vital-signs", "exam", "activity", "procedure", "therapy", "imaging", "laboratory", "social-history")
DETECTORS = ("blazeface", "mtcnn")
CROPS = ("mesh", "points", "padded")
ADULTS_ONLY = {"activity": Age(18, "y")}
"""Scorers that may judge only people from this age on: their face models were made for adults."""
_URI = re.compile(r"(https?://|urn:)\S+")


def check(protocol: ClinicalProtocol) -> None:
    """Raises ProtocolError for the first thing that can't be."""
    _population(protocol)
    _scale(protocol)
    _detect(protocol)
    _estimate(protocol)
    _window(protocol)
    _grade(protocol)
    _chart(protocol)
    _words(protocol)
    check_train(protocol)


def _between(protocol: ClinicalProtocol, key: str, low: float, high: float, *, above: bool = False) -> None:
    """The number at table.key lies in low..high (above: low itself is excluded)."""
    value: object = protocol
    for part in key.split("."):
        value = getattr(value, part)
    assert isinstance(value, int | float)
    if not math.isfinite(value) or not low <= value <= high or (above and value == low):
        fail(protocol.path, key, f"is {value:g}, which can't be", f"{'above ' if above else ''}{low:g} to {high:g}")


def _population(protocol: ClinicalProtocol) -> None:
    population = protocol.population
    if not population.name.strip():
        fail(protocol.path, "population.name", "is empty", "say whom the protocol may judge")
    if population.state not in STATES:
        fail(protocol.path, "population.state", f"is {population.state!r}", f"one of: {', '.join(STATES)}")
    if population.min_age and population.max_age:
        low, high = population.min_age, population.max_age
        if low.months >= high.months:
            fail(protocol.path, "population.max_age", f"{high} is not above min_age {low}", "swap or correct them")


def _scale(protocol: ClinicalProtocol) -> None:
    scale = protocol.scale
    if not math.isfinite(scale.low) or not math.isfinite(scale.high) or scale.low >= scale.high:
        fail(protocol.path, "scale.high", f"{scale.high:g} is not above low {scale.low:g}", "give the range of the score")
    if len(scale.grades) < 2:
        fail(protocol.path, "scale.grades", f"has {len(scale.grades)} grades", "at least two")
    names = [band.name for band in scale.grades]
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        fail(protocol.path, "scale.grades", "has an empty name or one twice", "name every grade once")
    if scale.grades[0].min != scale.low:
        fail(protocol.path, "scale.grades[0].min", f"is {scale.grades[0].min:g}", f"the first grade begins at low, {scale.low:g}")
    for index, (below, band) in enumerate(zip(scale.grades, scale.grades[1:], strict=False), start=1):
        if not below.min < band.min <= scale.high:
            fail(protocol.path, f"scale.grades[{index}].min", f"is {band.min:g}", f"above {below.min:g}, not above {scale.high:g}")


def _detect(protocol: ClinicalProtocol) -> None:
    _between(protocol, "detect.rate_hz", 0, 60, above=True)
    _between(protocol, "detect.min_size_px", 8, 2000)
    _between(protocol, "detect.min_brightness", 0, 254)
    _between(protocol, "detect.min_sharpness", 0, 1e6)
    for key in ("max_yaw", "max_pitch"):
        _between(protocol, f"detect.{key}", 0, 90, above=True)
    _between(protocol, "detect.max_roll", 0, 180, above=True)
    _between(protocol, "detect.max_occlusion", 0, 1)
    _between(protocol, "detect.min_presence", 0, 1)
    _between(protocol, "detect.search_every_s", 0, 60, above=True)
    _between(protocol, "detect.dim_share", 0, 1)
    if protocol.detect.detector not in DETECTORS:
        fail(protocol.path, "detect.detector", f"is {protocol.detect.detector!r}", f"one of: {', '.join(DETECTORS)}")
    if protocol.detect.crop not in CROPS:
        fail(protocol.path, "detect.crop", f"is {protocol.detect.crop!r}", f"one of: {', '.join(CROPS)}")
    if protocol.detect.crop == "points" and protocol.detect.detector != "mtcnn":
        fail(protocol.path, "detect.crop", 'is "points"', 'five points come from detector = "mtcnn" only')


def _estimate(protocol: ClinicalProtocol) -> None:
    estimate = protocol.estimate
    if not estimate.scorer:
        fail(protocol.path, "estimate.scorer", "is empty", "name the scorer")
    youngest, limit = protocol.population.min_age, ADULTS_ONLY.get(estimate.scorer)
    if limit is not None and (youngest is None or youngest.months < limit.months):
        remedy = f"population.min_age of at least {limit}: this scorer's models were made for adults"
        fail(protocol.path, "estimate.scorer", f"is {estimate.scorer!r}, which may not judge this population", remedy)
    if not estimate.models:
        fail(protocol.path, "estimate.models", "names no model", "name the model files as the models lock does")
    if estimate.fusion not in FUSIONS:
        fail(protocol.path, "estimate.fusion", f"is {estimate.fusion!r}", f"one of: {', '.join(FUSIONS)}")
    if (estimate.fusion == "weighted") != bool(estimate.weights):
        fail(protocol.path, "estimate.weights", "and fusion don't fit", 'weights go with fusion = "weighted", and with it only')
    if any(not math.isfinite(weight) or weight <= 0 for weight in estimate.weights):
        fail(protocol.path, "estimate.weights", "holds a weight that is not above 0", "leave the member out instead")
    _between(protocol, "estimate.max_age_s", 0, 3600, above=True)


def _window(protocol: ClinicalProtocol) -> None:
    _between(protocol, "window.length_s", 1, 3600)
    if 3600 % protocol.window.length_s:
        fail(protocol.path, "window.length_s", f"{protocol.window.length_s:g} does not divide an hour", "such as 1, 2, 5, 10, 30, 60")
    if protocol.window.length_s * protocol.detect.rate_hz < 1:
        fail(protocol.path, "window.length_s", "is too short for one frame at detect.rate_hz", "a longer window or a higher rate")
    _between(protocol, "window.min_share", 0, 1, above=True)


def _grade(protocol: ClinicalProtocol) -> None:
    frames = protocol.window.length_s * protocol.detect.rate_hz
    _between(protocol, "grade.debounce_frames", 1, math.floor(frames))
    _between(protocol, "grade.min_confidence", 0, 1)
    names = [band.name for band in protocol.scale.grades]
    if protocol.grade.alert.grade not in names[1:]:
        fail(protocol.path, "grade.alert.grade", f"is {protocol.grade.alert.grade!r}", f"a grade above the lowest: {', '.join(names[1:])}")
    for key in ("alert.stable_s", "alert.clear_after_s", "question.after_s", "question.unassessable_after_s", "question.repeat_after_s"):
        _between(protocol, f"grade.{key}", 0, DAY_S)
    _between(protocol, "grade.conflict.min_smile", 0, 1, above=True)
    _between(protocol, "grade.conflict.min_score", protocol.scale.low, protocol.scale.high)
    _between(protocol, "grade.calm.max_score", protocol.scale.low, protocol.scale.high)
    _between(protocol, "grade.calm.min_frames", 1, 1_000_000)


def _chart(protocol: ClinicalProtocol) -> None:
    _between(protocol, "chart.every_s", 3600, DAY_S)
    _between(protocol, "chart.min_gap_s", 0, DAY_S)
    _between(protocol, "chart.unassessable_after_windows", 1, 1_000_000)
    summaries = math.ceil(DAY_S / protocol.chart.every_s)
    _between(protocol, "chart.max_per_day", summaries + 4, MAX_PER_DAY)


def _words(protocol: ClinicalProtocol) -> None:
    for key, text in (
        ("title", protocol.title),
        ("version", protocol.version),
        ("scale.source", protocol.scale.source),
        ("train.method", protocol.train.method),
        ("report.label", protocol.report.label),
        ("codes.code", protocol.codes.code),
        ("codes.display", protocol.codes.display),
        ("codes.unit_code", protocol.codes.unit_code),
        ("codes.method", protocol.codes.method),
    ):
        if not text.strip():
            fail(protocol.path, key, "is empty", "say it")
    codes = protocol.codes
    if not is_unit(codes.unit_code):
        fail(protocol.path, "codes.unit_code", f"is {codes.unit_code!r}", "a unit of UCUM, such as {score}, 1, % or mm")
    if not _URI.fullmatch(codes.system):
        fail(protocol.path, "codes.system", f"is {codes.system!r}", "a URI such as urn:wince:codes")
    of_grades = [(f"codes.grades.{name}", grade.system, grade.code) for name, grade in codes.grades.items()]
    for key, system, code in [("codes.code", codes.system, codes.code), *of_grades]:
        if wrong := fault(system, code):
            fail(protocol.path, key, f"is {code!r}, which {wrong}", "another code; a site that wants this one names it in [[ehr_codes]]")
    if codes.category not in CATEGORIES:
        fail(protocol.path, "codes.category", f"is {codes.category!r}", f"one of: {', '.join(CATEGORIES)}")
    names = [band.name for band in protocol.scale.grades]
    for name in codes.grades:
        if name not in names:
            fail(protocol.path, f"codes.grades.{name}", "is no grade of the scale", f"one of: {', '.join(names)}")
    for name in names:
        if name not in codes.grades:
            fail(protocol.path, f"codes.grades.{name}", "missing", "code every grade of the scale")
        grade = codes.grades[name]
        if not _URI.fullmatch(grade.system) or not grade.code or not grade.display:
            fail(protocol.path, f"codes.grades.{name}", "is incomplete", "system (a URI), code and display")
