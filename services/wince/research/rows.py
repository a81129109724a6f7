"""Rows of an export, from what the database holds. Each value is chosen by name, so nothing comes along that columns.py doesn't list."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.assessment import Alert, Assessment, Verdict
from wince.domain.estimate import UNITS
from wince.domain.stay import Identifier
from wince.research.pseudonyms import Key, moved

Row = Sequence[object]
_CODE = re.compile(r"[A-Za-z0-9.:/_-]{1,200}\|[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True, slots=True)
class Mask:
    """How one person's rows are written."""

    key: Key
    person: str
    """The pseudonym."""
    shift_us: int

    def window(self, assessment: Assessment, visit: Identifier) -> Row:
        """Of `windows`."""
        found = assessment
        reasons = " ".join(f"{why.value}={count}" for why, count in sorted(found.reasons.items()) if count)
        units = [_number(value) for value in found.units] if found.units else [""] * len(UNITS)
        scores = (found.median, found.peak, found.assessable_share, found.confidence)
        return (
            *(self.person, self.visit(visit), self._window(found.id)),
            *(self.at(found.start_us), self.at(found.end_us)),
            *(found.protocol, found.rule, found.model_set),
            *(_empty(found.grade), found.grade_name),
            *map(_number, scores),
            *(found.reason.value if found.reason else "", found.frames, reasons),
            *units,
            *(_flag(found.personal), _flag(found.shadow)),
        )

    def alert(self, alert: Alert) -> Row:
        """Of `alerts`."""
        span = (self.at(alert.start_us), self.at(alert.end_us))
        return self.person, self._window(alert.assessment), *span, alert.grade, _number(alert.peak)

    def verdict(self, verdict: Verdict) -> Row:
        """Of `verdicts`: without who gave it."""
        return self.person, self._window(verdict.assessment), self.at(verdict.at_us), _empty(verdict.grade)

    def score(self, visit: Identifier, at_us: int, code: str, value: str) -> Row | None:
        """Of `scores`; None: its value is no number, or its code holds more than a code."""
        try:
            number = float(value)
        except ValueError:
            return None
        if not math.isfinite(number) or abs(number) > 1000 or not _CODE.fullmatch(code):
            return None
        return self.person, self.visit(visit), self.at(at_us), code, _number(number)

    def visit(self, visit: Identifier) -> str:
        """What stands for a visit."""
        return self.key.name("visit", visit.system, visit.value)

    def at(self, at_us: int) -> str:
        """A moment, moved."""
        return moved(at_us, self.shift_us)

    def _window(self, identity: UUID) -> str:
        return self.key.name("window", identity)


def _number(value: float | None) -> object:
    """
    >>> _number(0.123456), _number(2.0), _number(None), _number(float("nan"))
    ('0.1235', '2', '', '')
    """
    return "" if value is None or not math.isfinite(value) else f"{value:.4f}".rstrip("0").rstrip(".")


def _empty(value: int | None) -> object:
    return "" if value is None else value


def _flag(value: bool) -> str:
    return "true" if value else "false"
