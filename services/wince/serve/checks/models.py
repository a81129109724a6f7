"""The model files that the protocols need."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from wince.errors import WinceError
from wince.models import fetch, lock
from wince.serve import protocols
from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings

REMEDY = "run `wince models fetch` once, with a package registry in reach"


def look(settings: Settings) -> tuple[int, list[str]]:
    """How many the protocols need, and which of them are not in the cache, or not whole."""
    try:
        needed = {*lock.FACE_MODELS, *protocols.protocol_set(settings).models}
    except WinceError:  # the check of the protocol says it
        needed = {*lock.FACE_MODELS}
    return len(needed), [name for name in lock.load() if name in needed and not fetch.cached(name, settings.models_dir)]


def check(settings: Settings) -> Iterator[Finding]:
    """Whether all are in the cache, whole. Where their engine is not installed nothing needs them: in the image of a service that runs
    none of them."""
    if importlib.util.find_spec("openvino") is None:
        yield ok("face models", "none needed: OpenVINO is not installed here, so no service that runs models is")
        return
    needed, absent = look(settings)
    if absent:
        yield missing("face models", f"not in {settings.models_dir}: {', '.join(absent)}", REMEDY)
    else:
        yield ok("face models", f"{needed} verified in {settings.models_dir}")
