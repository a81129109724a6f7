"""`wince.assess`: the command's engine as a Python function. Its signature is there without the stages, which take a second to import."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wince.assess.engine import Engine
    from wince.assess.result import ClipResult

    Clip = str | Path | NDArray[np.uint8]

_engines = threading.local()
"""The last engine of each thread: models are loaded once, not for every call."""


@overload
def assess(  # type: ignore[overload-overlap]  # text is a path, and the first that fits counts
    clip: Clip,
    protocol: str = ...,
    *,
    reference: str | Path | None = ...,
    pictures: bool = ...,
    rate_hz: float | None = ...,
    region: Sequence[float] | None = ...,
    rotation: int = ...,
    rate: float | None = ...,
    face: int | None = ...,
    seconds: int | None = ...,
    login_file: str | Path | None = ...,
) -> ClipResult: ...
@overload
def assess(
    clip: Sequence[Clip],
    protocol: str = ...,
    *,
    reference: str | Path | None = ...,
    pictures: bool = ...,
    rate_hz: float | None = ...,
    region: Sequence[float] | None = ...,
    rotation: int = ...,
    rate: float | None = ...,
    face: int | None = ...,
    seconds: int | None = ...,
    login_file: str | Path | None = ...,
) -> list[ClipResult]: ...
def assess(
    clip: Clip | Sequence[Clip],
    protocol: str = "activity",
    *,
    reference: str | Path | None = None,
    pictures: bool = False,
    rate_hz: float | None = None,
    region: Sequence[float] | None = None,
    rotation: int = 0,
    rate: float | None = None,
    face: int | None = None,
    seconds: int | None = None,
    login_file: str | Path | None = None,
) -> ClipResult | list[ClipResult]:
    """Assess a video or picture, or a list of them, as `wince assess` does; research use, not validated, adjunct to a nurse's judgement.

    Args:
        clip: a path, or the address of a network camera (rtsp://HOST/PATH); or RGB uint8 in memory, (pictures, height, width, 3) with
            `rate_hz` or (height, width, 3); or a list of those. For folders, several processes and results that are kept:
            `wince.assess.batch.run`.
        protocol: its name (`wince protocols list`).
        reference: the same patient's calm face: a picture, a clip, or "START-END" in seconds of the file itself.
        pictures: keep key frames, as a report needs them (JPEG, patients' pictures).
        rate_hz: pictures a second of an array that is a film; above 0, at most 1000. How many of them are sampled says `rate`.
        region: the bed's, x0, y0, x1, y1 as shares of the upright picture, 0 to 1, from its top left corner.
        rotation: degrees clockwise that turn the picture upright: 0, 90, 180, 270.
        rate: frames sampled a second, at most 30; None: the protocol's. Of a TIFF with several pages: its pages a second.
        face: of several faces the patient's, numbered as they are first seen, left to right (the result's notes name them).
        seconds: how long a camera is looked at.
        login_file: of a camera, one line user:password.

    Returns: everything that was found; see `wince.assess.result.ClipResult`. Not assessable is a result: `plain.grade` is None then,
    and `reasons` says why. Of a list: a list, in its order; what failed has `error`, and the others are assessed all the same.

    Raises:
        ConfigError: an argument can't be used; its field names the argument.
        MediaError, ResourceError: the file can't be used (of a list: in its result instead).
        ProtocolError: no such protocol, or it needs a model that the site has to train.
        ModelFileError, Unavailable: a face model is absent and can't be fetched.
        InputError: the reference shows no assessable face, or what was given is neither a path nor a picture (of a list: in its result
            instead).
    """
    from wince.assess.arguments import argument_names
    from wince.assess.inputs.view import view
    from wince.assess.python_call import PythonCall

    clips = clip if isinstance(clip, Sequence) and not isinstance(clip, str | bytes) else None
    with argument_names():
        looked = view(region, rotation, rate, face)
        call = PythonCall.of((clip,) if clips is None else clips, reference, pictures, rate_hz, looked, seconds, login_file)
        engine = _engine(protocol, rate)
        return call.assess(engine, clip) if clips is None else [call.result(engine, one) for one in clips]


def _engine(protocol: str, rate: float | None) -> Engine:
    from wince.assess.engine import Engine
    from wince.assess.inputs.view import at_rate
    from wince.serve import protocols, scoring
    from wince.settings import load

    settings = load(protocol=protocol)
    key = (settings, protocol, rate)
    if getattr(_engines, "key", None) != key:
        chosen = at_rate(protocols.default(settings), rate)
        scoring.fetch_models(settings, lambda _name, _what: None, chosen)
        _engines.engine, _engines.key = Engine(settings, chosen), key
    engine: Engine = _engines.engine
    return engine
