"""What the hospital's messages leave unsaid: the zone above all."""

from __future__ import annotations

from collections.abc import Iterator

from wince.errors import ConfigError
from wince.serve import site
from wince.serve.checks.finding import Finding, ok, warning
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Whether a listener could start. Nothing is connected to."""
    try:
        site.of(settings)
    except ConfigError as error:
        found = f"{error.message}; `wince up` and `wince serve hospital` don't start (`wince run` and `wince assess` do)"
        yield warning("time zone", found, error.remedy)
        return
    yield ok("time zone", f"{settings.time_zone}, for times without an offset in the hospital's messages")
