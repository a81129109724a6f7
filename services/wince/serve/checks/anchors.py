"""Second places of checkpoints: each is tried, and nothing is written there."""

from __future__ import annotations

from collections.abc import Iterator

from wince.anchors.file import FilePlace
from wince.errors import WinceError
from wince.serve import anchors
from wince.serve.checks.finding import Finding, failed, ok, warning
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """One finding for each place that is set. The authority is asked for a timestamp of random bytes."""
    for place in anchors.places(settings):
        try:
            found = place.probe()
            if isinstance(place, FilePlace) and place.is_near():
                yield warning(
                    f"anchor {place.kind}", f"{place.name}: {found}", "name a file on another host's mount: this is no second place"
                )
            else:
                yield ok(f"anchor {place.kind}", f"{place.name}: {found}")
        except WinceError as error:
            yield failed(f"anchor {place.kind}", error)
