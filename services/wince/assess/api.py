"""`wince.assess`: the command's engine as a Python function."""

from __future__ import annotations

import threading
from pathlib import Path

from wince.assess.engine import Engine
from wince.assess.reference import parse
from wince.assess.result import ClipResult
from wince.serve import protocols, scoring
from wince.settings import load

_engines = threading.local()
"""The last engine of each thread: models are loaded once, not for every call."""


def assess(path: str | Path, protocol: str = "activity", *, reference: str | Path | None = None, pictures: bool = False) -> ClipResult:
    """Assess one video or picture, as `wince assess` does; research use, not validated, adjunct to a nurse's judgement.

    Args:
        path: the file. For folders and many files: `wince.assess.batch.run`.
        protocol: its name (`wince protocols list`).
        reference: the same patient's calm face: a picture, a clip, or "START-END" in seconds of the file itself.
        pictures: keep key frames, as a report needs them (JPEG, patients' pictures).

    Returns: everything that was found; see `wince.assess.result.ClipResult`. Not assessable is a result: `plain.grade` is None then,
    and `reasons` says why.

    Raises:
        MediaError, ResourceError: the file can't be used.
        ProtocolError: no such protocol, or it needs a model that the site has to train.
        ModelFileError, Unavailable: a face model is absent and can't be fetched.
        InputError: the reference shows no assessable face.
    """
    settings = load(protocol=protocol)
    key = (settings, protocol)
    if getattr(_engines, "key", None) != key:
        chosen = protocols.default(settings)
        scoring.fetch_models(settings, lambda _name, _what: None, chosen)
        _engines.engine, _engines.key = Engine(settings, chosen), key
    engine: Engine = _engines.engine
    return engine.assess(Path(path), reference=None if reference is None else parse(str(reference)), pictures=pictures)
