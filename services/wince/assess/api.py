"""`wince.assess`: the command's engine as a Python function."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from wince.assess.engine import Engine
from wince.assess.live import identity, is_address, label, live
from wince.assess.reference import parse
from wince.assess.result import ClipResult
from wince.assess.view import at_rate, view
from wince.serve import protocols, scoring
from wince.settings import load

_engines = threading.local()
"""The last engine of each thread: models are loaded once, not for every call."""


def assess(
    path: str | Path,
    protocol: str = "activity",
    *,
    reference: str | Path | None = None,
    pictures: bool = False,
    region: Sequence[float] | None = None,
    rotation: int = 0,
    rate: float | None = None,
    face: int | None = None,
    seconds: int | None = None,
    login_file: str | Path | None = None,
) -> ClipResult:
    """Assess one video or picture, as `wince assess` does; research use, not validated, adjunct to a nurse's judgement.

    Args:
        path: the file, or the address of a network camera (rtsp://HOST/PATH). For folders and many files: `wince.assess.batch.run`.
        protocol: its name (`wince protocols list`).
        reference: the same patient's calm face: a picture, a clip, or "START-END" in seconds of the file itself.
        pictures: keep key frames, as a report needs them (JPEG, patients' pictures).
        region: the bed's, x0, y0, x1, y1 as shares of the upright picture, 0 to 1, from its top left corner.
        rotation: degrees clockwise that turn the picture upright: 0, 90, 180, 270.
        rate: frames sampled a second, at most 30; None: the protocol's. Of a TIFF with several pages: its pages a second.
        face: of several faces the patient's, numbered as they are first seen, left to right (the result's notes name them).
        seconds: how long a camera is looked at.
        login_file: of a camera, one line user:password.

    Returns: everything that was found; see `wince.assess.result.ClipResult`. Not assessable is a result: `plain.grade` is None then,
    and `reasons` says why.

    Raises:
        ConfigError: an argument can't be used; its field names the command's option.
        MediaError, ResourceError: the file can't be used.
        ProtocolError: no such protocol, or it needs a model that the site has to train.
        ModelFileError, Unavailable: a face model is absent and can't be fetched.
        InputError: the reference shows no assessable face.
    """
    looked = view(region, rotation, rate, face)
    uri = str(path) if is_address(str(path)) else ""
    camera = live(seconds, None if login_file is None else Path(login_file), addresses=(uri,) if uri else ())
    settings = load(protocol=protocol)
    key = (settings, protocol, rate)
    if getattr(_engines, "key", None) != key:
        chosen = at_rate(protocols.default(settings), rate)
        scoring.fetch_models(settings, lambda _name, _what: None, chosen)
        _engines.engine, _engines.key = Engine(settings, chosen), key
    engine: Engine = _engines.engine
    calm = None if reference is None else parse(str(reference))
    if uri:
        return engine.assess(label(uri), identity(uri), reference=calm, pictures=pictures, view=looked, uri=uri, live=camera)
    return engine.assess(Path(path), reference=calm, pictures=pictures, view=looked)
