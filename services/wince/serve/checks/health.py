"""Services elsewhere: each must say at its plain health port that it can work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wince.serve.checks.finding import Check, Finding, missing, ok
from wince.settings import Settings

WAIT_S = 10.0
"""For each: a name that was just made takes a moment to be known everywhere."""


def check_of(name: str, address: str) -> Check:
    """The check of one service. `address`: HOST:PORT, where its health_port listens."""

    def check(_: Settings) -> Iterator[Finding]:
        from wince.rpc import healthy

        said, what = healthy.answer(address, WAIT_S, until_reached=True), f"service {name}"
        if said == healthy.SERVES:
            yield ok(what, f"{address}: serving")
        elif said == "NOT_SERVING":
            yield missing(what, f"{address}: not serving", "its log says what it waits for")
        else:
            yield missing(what, f"{address}: no answer ({said})", "does it run, is health_port set there, and is the way to it open?")

    return check


def checks(places: Sequence[tuple[str, str]]) -> list[tuple[str, Check]]:
    """Of (name, HOST:PORT) of each service."""
    return [(f"service {name}", check_of(name, address)) for name, address in places]
