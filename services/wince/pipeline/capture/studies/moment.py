"""When an object's pictures were taken: DA, TM and DT values (PS3.5 section 6.2) with their offset, else in the site's zone. Pure."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(\d{2})(?:(\d{2})(?:(\d{2})(?:\.(\d{1,6}))?)?)?")
_STAMP = re.compile(r"(\d{8})(\d{2}(?:\d{2}(?:\d{2}(?:\.\d{1,6})?)?)?)([+-]\d{4})?")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})")


def day(text: str) -> date | None:
    """A DA value, also as ACR-NEMA wrote it (1950.01.31); None where it is no whole date.

    >>> day("19500131"), day("1950"), day("19501301")
    (datetime.date(1950, 1, 31), None, None)
    """
    found = _DATE.fullmatch(text.strip().replace(".", ""))
    if found is None:
        return None
    try:
        return date(*map(int, found.groups()))
    except ValueError:
        return None


def offset(text: str) -> tzinfo | None:
    """A Timezone Offset From UTC (0008,0201), from -1200 to +1400; None where it is none.

    >>> offset("+0130")
    datetime.timezone(datetime.timedelta(seconds=5400))
    >>> offset("CET") is None
    True
    """
    found = _OFFSET.fullmatch(text.strip())
    if found is None or int(found[3]) > 59:
        return None
    minutes = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)
    return timezone(timedelta(minutes=minutes)) if -720 <= minutes <= 840 else None


def stamped(text: str, said: tzinfo | None, zone: tzinfo) -> tuple[int | None, bool]:
    """A DT value as (microseconds UTC, whether an offset was said); None where it has no hour, or names no one moment."""
    found = _STAMP.fullmatch(text.strip())
    if found is None:
        return None, False
    own = offset(found[3]) if found[3] else None
    return joined(found[1], found[2], own or said, zone)


def joined(day_text: str, time_text: str, said: tzinfo | None, zone: tzinfo) -> tuple[int | None, bool]:
    """A DA and a TM value as (microseconds UTC, whether an offset was said). `said`: the object's offset; None: none, so `zone` counts.

    None where either is absent or no value, and where the zone has that hour twice or not at all.

    >>> joined("20260105", "080000", offset("+0100"), UTC)
    (1767596400000000, True)
    >>> joined("20260105", "", None, UTC)
    (None, False)
    """
    when, found = day(day_text), _TIME.fullmatch(time_text.strip().replace(":", ""))
    if when is None or found is None:
        return None, said is not None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    micro = int((found[4] or "").ljust(6, "0"))
    try:
        local = datetime(when.year, when.month, when.day, hour, minute, min(second, 59), micro, said or zone)
        first, other = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    except (ValueError, OverflowError):
        return None, said is not None
    if first != other:
        return None, said is not None
    return round((first - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)), said is not None
