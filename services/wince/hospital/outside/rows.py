"""One row of a list, checked: texts of outside become a `Listed`, or a reason in our own words. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from wince.control import has_control
from wince.domain.outside import Listed
from wince.domain.stay import Identifier

LONGEST = 200
"""Characters of a field; HL7's ST has 199 (v2.5.1, 2A.74)."""
_BED = re.compile(r"[^\s^|~\\&][^^|~\\&]*(\^[^^|~\\&]*){2,3}")
_SETTING = {"patient_authority": "WINCE_PATIENT_AUTHORITY", "encounter_authority": "WINCE_CENSUS_VISIT_AUTHORITY"}
"""What is meant where a column is empty."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Wrong(Exception):
    """A value can't be used. `args[0]`: the column; `args[1]`: why, in our own words."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as texts; empty: not said."""

    patient: str
    patient_system: str
    encounter: str
    encounter_system: str
    bed: str
    since: str = ""
    birth_date: str = ""


def listed(row: Row, zone: tzinfo, moment_us: int) -> Listed:
    """The row. `zone`: of times without offset; `moment_us`: of the list. Raises Wrong, which quotes nothing of the row."""
    for name in ("patient", "encounter", "bed", "patient_system", "encounter_system"):
        value = getattr(row, name)
        column = name.replace("_system", "_authority")
        if not value:
            unset = "" if column == name else f", and {_SETTING[column]} isn't set"
            raise Wrong(column, f"is empty{unset}")
        if len(value) > LONGEST or has_control(value):
            raise Wrong(column, f"is longer than {LONGEST} characters" if len(value) > LONGEST else "holds a control character")
    since_us = moment(row.since, zone) if row.since else None
    if since_us is not None and since_us > moment_us:
        raise Wrong("since", "is later than the list's own moment")
    return Listed(
        Identifier(row.patient_system, row.patient),
        Identifier(row.encounter_system, row.encounter),
        bed(row.bed),
        since_us,
        _day(row.birth_date) if row.birth_date else None,
    )


def bed(text: str) -> str:
    """POINTOFCARE^ROOM^BED, with a facility as a fourth part where it is named. Raises Wrong.

    >>> bed("ICU^1^A"), bed("ICU^1^A^SOUTH")
    ('ICU^1^A', 'ICU^1^A^SOUTH')
    """
    if not _BED.fullmatch(text):
        raise Wrong("bed", "is not POINTOFCARE^ROOM^BED as in PV1-3")
    return text


def moment(text: str, zone: tzinfo) -> int:
    """ISO 8601 with date and time as microseconds UTC. Raises Wrong, also for a local time that a clock change doubles or skips.

    >>> moment("1970-01-01T01:00:01+01:00", UTC)
    1000000
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Wrong("since", "is no ISO 8601 date and time") from None
    if len(text) <= 10:
        raise Wrong("since", "has no time of day")
    if at.tzinfo is None:
        early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
        if early.utcoffset() != late.utcoffset():
            raise Wrong("since", "is skipped or doubled by a clock change: give its offset")
        at = early
    try:
        return (at.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        raise Wrong("since", "is no ISO 8601 date and time") from None


def _day(text: str) -> date | None:
    """A whole date; None for a year, or a year and month, which PID-7 and Patient.birthDate may be too."""
    if re.fullmatch(r"\d{4}(-\d\d)?", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Wrong("birth_date", "is no date as YYYY-MM-DD") from None
