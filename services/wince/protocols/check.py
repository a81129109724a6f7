"""What a protocol may not say: impossible thresholds, missing names, codes that can't be told apart, a chart that can't keep its budget."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from wince.domain.loinc import fault
from wince.domain.population import Age
from wince.domain.ucum import is_unit
from wince.protocols.check_train import check_train
from wince.protocols.fault import fail
from wince.protocols.leaves import Leaf, leaves
from wince.protocols.limits import CHOICES, DAY_S, MAX_GRADES, MAX_PER_DAY, MAX_TEXT, NUMBERS
from wince.protocols.rules import ClinicalProtocol
from wince.toml.shown import shown

HOUR_US = 3_600_000_000
ADULTS_ONLY = {"activity": Age(18, "y")}
"""Scorers that may judge only people from this age on: their face models were made for adults."""
MAY_BE_EMPTY = ("detect.filming", "estimate.instead", "train.note")
_LIFE = Age(150, "y")
_URI = re.compile(r"(https?://|urn:)\S+")
_CODE = re.compile(r"\S+( \S+)*")
"""A code in FHIR R4 (2.24.0.1): no blank at its ends, none doubled."""
_HIDDEN = re.compile(r"[\u202a-\u202e\u2066-\u2069\ufeff]")
"""Changes of direction and byte order marks, with which a text reads otherwise than it is. Control characters: loader.py."""


def check(protocol: ClinicalProtocol) -> None:
    """Raises ProtocolError for the first thing that can't be."""
    for leaf in leaves(protocol):
        _leaf(protocol.path, leaf)
    _population(protocol)
    _scale(protocol)
    _detect(protocol)
    _estimate(protocol)
    _window(protocol)
    _grade(protocol)
    _chart(protocol)
    _codes(protocol)
    check_train(protocol)


def _leaf(path: str, leaf: Leaf) -> None:
    """What depends on no other key: numbers and words (limits.py), and texts that a record can hold and a person can read."""
    kind, key, value = leaf
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            fail(path, key, f"has {len(value)} letters", f"at most {MAX_TEXT}")
        if _HIDDEN.search(value):
            fail(path, key, f"is {shown(value)}: it holds a letter that turns the direction of text", "write plain text")
        if not value.strip() and kind not in MAY_BE_EMPTY:
            fail(path, key, "is empty", "say it")
    if kind in CHOICES and value not in CHOICES[kind]:
        fail(path, key, f"is {shown(value)}", f"one of: {', '.join(CHOICES[kind])}")
    if (span := NUMBERS.get(kind)) is not None:
        assert isinstance(value, int | float)
        if not span.holds(value):
            fail(path, key, f"is {value:g}, which can't be", str(span))


def _between(protocol: ClinicalProtocol, key: str, value: float, low: float, high: float) -> None:
    """The number of `key` lies in low..high."""
    if not low <= value <= high:
        fail(protocol.path, key, f"is {value:g}, which can't be", f"{low:g} to {high:g}")


def _population(protocol: ClinicalProtocol) -> None:
    low, high = protocol.population.min_age, protocol.population.max_age
    for key, age in (("min_age", low), ("max_age", high)):
        if age is not None and age.months > _LIFE.months:
            fail(protocol.path, f"population.{key}", f"{age} is longer than a life", f"at most {_LIFE}")
    if high is not None and not high.count:
        fail(protocol.path, "population.max_age", f"{high} leaves nobody", "an age above 0")
    if low and high and low.months >= high.months:
        fail(protocol.path, "population.max_age", f"{high} is not above min_age {low}", "swap or correct them")


def _scale(protocol: ClinicalProtocol) -> None:
    scale = protocol.scale
    if scale.low >= scale.high:
        fail(protocol.path, "scale.high", f"{scale.high:g} is not above low {scale.low:g}", "give the range of the score")
    if not 2 <= len(scale.grades) <= MAX_GRADES:
        fail(protocol.path, "scale.grades", f"has {len(scale.grades)} grades", f"2 to {MAX_GRADES}")
    names = [band.name for band in scale.grades]
    if (twice := _twice(names)) is not None:
        fail(protocol.path, "scale.grades", f"has {shown(twice)} twice", "name every grade once")
    if scale.grades[0].min != scale.low:
        fail(protocol.path, "scale.grades[0].min", f"is {scale.grades[0].min:g}", f"the first grade begins at low, {scale.low:g}")
    for index, (below, band) in enumerate(zip(scale.grades, scale.grades[1:], strict=False), start=1):
        if not below.min < band.min <= scale.high:
            fail(protocol.path, f"scale.grades[{index}].min", f"is {band.min:g}", f"above {below.min:g}, not above {scale.high:g}")


def _twice(values: Sequence[str]) -> str | None:
    return next((value for index, value in enumerate(values) if value in values[:index]), None)


def _detect(protocol: ClinicalProtocol) -> None:
    if protocol.detect.crop == "points" and protocol.detect.detector != "mtcnn":
        fail(protocol.path, "detect.crop", 'is "points"', 'five points come from detector = "mtcnn" only')


def needed(protocol: ClinicalProtocol) -> tuple[str, ...]:
    """The model files without which the protocol's detector, mesh and scorer can't work, by their names in the models lock."""
    detect = protocol.detect
    blazeface = "blazeface_full_range" if detect.full_range else "blazeface_short_range"
    detector = ("mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet") if detect.detector == "mtcnn" else (blazeface,)
    scorer = ("face_blendshapes",) if protocol.estimate.scorer == "activity" else ()
    return (*detector, "face_landmarks", "face_geometry", *scorer)


def _estimate(protocol: ClinicalProtocol) -> None:
    estimate = protocol.estimate
    youngest, limit = protocol.population.min_age, ADULTS_ONLY.get(estimate.scorer)
    if limit is not None and (youngest is None or youngest.months < limit.months):
        remedy = f"population.min_age of at least {limit}: this scorer's models were made for adults"
        fail(protocol.path, "estimate.scorer", f"is {estimate.scorer!r}, which may not judge this population", remedy)
    if absent := [name for name in needed(protocol) if name not in estimate.models]:
        remedy = "add them: detector, range and scorer need " + ", ".join(needed(protocol))
        fail(protocol.path, "estimate.models", f"leaves out {', '.join(absent)}", remedy)
    if (twice := _twice(estimate.models)) is not None:
        fail(protocol.path, "estimate.models", f"has {shown(twice)} twice", "name every model once")
    if bool(estimate.members) != (estimate.scorer == "ensemble"):
        fail(protocol.path, "estimate.members", "and scorer don't fit", 'members go with scorer = "ensemble", and with it only')
    _members(protocol)


def _members(protocol: ClinicalProtocol) -> None:
    estimate, names = protocol.estimate, [band.name for band in protocol.scale.grades]
    if len(estimate.weights) != (len(estimate.members) if estimate.fusion == "weighted" else 0):
        remedy = 'one for each member with fusion = "weighted"; none otherwise'
        fail(protocol.path, "estimate.weights", f"are {len(estimate.weights)} for {len(estimate.members)} members", remedy)
    if estimate.fusion == "weighted" and not estimate.members:
        fail(protocol.path, "estimate.fusion", "is 'weighted' without members", 'fusion = "mean"')
    for name in estimate.classes:
        if name not in names:
            fail(protocol.path, "estimate.classes", f"has {shown(name)}, which is no grade", f"grades of the scale: {', '.join(names)}")
    if estimate.classes != tuple(name for name in names if name in estimate.classes):
        fail(protocol.path, "estimate.classes", "are not in the order of the scale, or one is there twice", "lowest first, each once")
    if bool(estimate.members) != (len(estimate.classes) >= 2) or (estimate.classes and not estimate.members):
        fail(protocol.path, "estimate.classes", f"are {len(estimate.classes)}", "two grades or more with members; none without")


def _window(protocol: ClinicalProtocol) -> None:
    length_us = protocol.window.length_s * 1e6
    if abs(length_us - round(length_us)) > 1e-3 or HOUR_US % round(length_us):
        fail(protocol.path, "window.length_s", f"{protocol.window.length_s:.12g} does not divide an hour", "such as 1, 2, 5, 10, 30, 60")
    if protocol.window.length_s * protocol.detect.rate_hz < 1:
        fail(protocol.path, "window.length_s", "is too short for one frame at detect.rate_hz", "a longer window or a higher rate")


def _grade(protocol: ClinicalProtocol) -> None:
    grade, scale = protocol.grade, protocol.scale
    frames = math.floor(protocol.window.length_s * protocol.detect.rate_hz)
    _between(protocol, "grade.debounce_frames", grade.debounce_frames, 1, frames)
    names = [band.name for band in scale.grades]
    if grade.alert.grade not in names[1:]:
        fail(protocol.path, "grade.alert.grade", f"is {shown(grade.alert.grade)}", f"a grade above the lowest: {', '.join(names[1:])}")
    _between(protocol, "grade.conflict.min_score", grade.conflict.min_score, scale.low, scale.high)
    _between(protocol, "grade.calm.max_score", grade.calm.max_score, scale.low, scale.high)


def _chart(protocol: ClinicalProtocol) -> None:
    summaries = math.ceil(DAY_S / protocol.chart.every_s)
    _between(protocol, "chart.max_per_day", protocol.chart.max_per_day, summaries + 4, MAX_PER_DAY)


def _codes(protocol: ClinicalProtocol) -> None:
    codes = protocol.codes
    if not is_unit(codes.unit_code):
        fail(protocol.path, "codes.unit_code", f"is {shown(codes.unit_code)}", "a unit of UCUM, such as {score}, 1, % or mm")
    if not _URI.fullmatch(codes.system):
        fail(protocol.path, "codes.system", f"is {shown(codes.system)}", "a URI such as urn:wince:codes")
    of_grades = [(f"codes.grades.{name}", grade.system, grade.code) for name, grade in codes.grades.items()]
    for key, system, code in [("codes.code", codes.system, codes.code), *of_grades]:
        if not _CODE.fullmatch(code):
            fail(protocol.path, key, f"is {shown(code)}", "a code without blanks at its ends, and none doubled")
        if wrong := fault(system, code):
            fail(
                protocol.path, key, f"is {shown(code)}, which {wrong}", "another code; a site that wants this one names it in [[ehr_codes]]"
            )
    _grade_codes(protocol)


def _grade_codes(protocol: ClinicalProtocol) -> None:
    """Each grade of the scale, and nothing else, has a code and words of its own: else readers couldn't tell two grades apart."""
    grades, names = protocol.codes.grades, [band.name for band in protocol.scale.grades]
    for name in grades:
        if name not in names:
            fail(protocol.path, f"codes.grades.{name}", "is no grade of the scale", f"one of: {', '.join(names)}")
    codes: dict[tuple[str, str], str] = {}
    words: dict[str, str] = {}
    for name in names:
        if name not in grades:
            fail(protocol.path, f"codes.grades.{name}", "missing", "code every grade of the scale")
        grade = grades[name]
        if not _URI.fullmatch(grade.system):
            fail(protocol.path, f"codes.grades.{name}.system", f"is {shown(grade.system)}", "a URI such as urn:wince:codes")
        if (other := codes.setdefault((grade.system, grade.code), name)) != name:
            fail(protocol.path, f"codes.grades.{name}.code", f"is the code of {shown(other)} too", "a code of its own for every grade")
        if (other := words.setdefault(grade.display.casefold(), name)) != name:
            fail(protocol.path, f"codes.grades.{name}.display", f"is what {shown(other)} says too", "words of its own for every grade")
