"""What Python callers hand over: paths, addresses and arrays, one or several, assessed one after another in this process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from wince.assess.arguments import renamed
from wince.assess.engine import Engine, engine_wide
from wince.assess.inputs.live import Live, identity, is_address, label, live
from wince.assess.inputs.reference import Reference, parse
from wince.assess.inputs.view import View
from wince.assess.result import ClipResult
from wince.assess.result_builder import failed
from wince.errors import InputError, WinceError
from wince.pipeline.capture.array import checked


@dataclass(frozen=True, slots=True)
class PythonCall:
    """The options of one call."""

    reference: Reference | None
    pictures: bool
    rate_hz: float | None
    """Of arrays that are films."""
    view: View
    live: Live | None
    """Of network cameras; None: none is named."""

    @classmethod
    def of(
        cls,
        clips: Iterable[Any],
        reference: str | Path | None,
        pictures: bool,
        rate_hz: float | None,
        view: View,
        seconds: float | None,
        login_file: str | Path | None,
    ) -> PythonCall:
        """Options as the caller gave them. Raises ConfigError."""
        calm = None if reference is None else parse(str(reference))
        addresses = tuple(str(clip) for clip in clips if _is_camera(clip))
        return cls(calm, pictures, rate_hz, view, live(seconds, None if login_file is None else Path(login_file), addresses=addresses))

    def assess(self, engine: Engine, clip: Any) -> ClipResult:
        """One clip. Raises as `wince.assess` does."""
        if isinstance(clip, np.ndarray):
            pixels = checked(clip, self.rate_hz)
            source = pixels.source
            path = Path(f"array {source[:8]}")
            return engine.assess(path, source, reference=self.reference, pictures=self.pictures, view=self.view, pixels=pixels)
        if _is_camera(clip):
            path, source = label(str(clip)), identity(str(clip))
            return engine.assess(
                path, source, reference=self.reference, pictures=self.pictures, view=self.view, uri=str(clip), live=self.live
            )
        return engine.assess(_path(clip), reference=self.reference, pictures=self.pictures, view=self.view)

    def result(self, engine: Engine, clip: Any) -> ClipResult:
        """One clip of several: what is wrong with it is in its result; what is wrong with all (the reference) is raised."""
        try:
            return self.assess(engine, clip)
        except WinceError as error:
            if engine_wide(error, self.reference):
                raise
            result = failed(_named(clip), "", engine.protocol, error)
            return replace(result, error=renamed(result.error))


def _path(clip: Any) -> Path:
    if isinstance(clip, str | PathLike):
        return Path(clip)
    raise InputError(
        f"{type(clip).__name__} is neither a path nor a picture",
        field="clip",
        remedy="give a path, RGB uint8 in memory (height, width, 3), or a list of those",
    )


def _named(clip: Any) -> Path:
    """What stands for a clip that failed."""
    if _is_camera(clip):
        return label(str(clip))
    return Path(clip) if isinstance(clip, str | PathLike) else Path("array" if isinstance(clip, np.ndarray) else type(clip).__name__)


def _is_camera(clip: Any) -> bool:
    return isinstance(clip, str | Path) and is_address(str(clip))
