"""When clips begin that are played as if they were cameras. Apart from `play.py`: services need this, and none of the road."""

from __future__ import annotations

from datetime import UTC, datetime

from wince.domain.frame import US
from wince.errors import ConfigError

GRID_US = 60 * US
"""Clips begin at a whole minute, so that windows lie as they would in media time."""


def moment(text: str, field: str = "replay_at") -> int:
    """Microseconds of an ISO 8601 time with offset, at a whole minute. `field`: who gave it, for errors. Raises ConfigError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError("is no ISO 8601 time", field=f"{field}={text}", remedy="such as 2026-01-05T08:00:00Z") from None
    if at.tzinfo is None or at.second or at.microsecond:
        raise ConfigError("needs an offset and a whole minute", field=f"{field}={text}", remedy="such as 2026-01-05T08:00:00Z")
    return int(at.astimezone(UTC).timestamp()) * US
