"""Where overlay films are written: a file for one input, a folder for several."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from wince.assess.inputs import Inputs
from wince.assess.result.words import stem
from wince.errors import ConfigError

SUFFIX = ".mp4"


@dataclass(frozen=True, slots=True)
class Target:
    """One film that is to be written."""

    path: Path
    key: str
    """What it is made from, as a hash (`Done.key`): a film that holds it is left alone."""


def places(inputs: Inputs, overlay: Path) -> dict[str, Path]:
    """The film of each content (`Input.source`). `overlay`: out.mp4 for one input, else a folder; there NAME-HASH.mp4.

    Raises ConfigError where that can't be.
    """
    files = [one for one in inputs.files if one.problem is None]
    option = f"--overlay {overlay}"
    if any(one.uri for one in files):
        raise ConfigError(
            "a camera's pictures are not kept, so none can be shown again", field=option, remedy="record it, and name the file"
        )
    single = overlay.suffix.lower() == SUFFIX and not overlay.is_dir()
    if not single and overlay.is_file():
        raise ConfigError("is a file, and no mp4", field=option, remedy="name a file that ends in .mp4, or a folder")
    if single and len(inputs.files) > 1:
        raise ConfigError(f"names one file, and there are {len(inputs.files)} inputs", field=option, remedy="name a folder")
    named = {one.source: overlay if single else overlay / f"{stem(one.path)}-{one.source[:8]}{SUFFIX}" for one in files}
    for one in files:
        if os.path.realpath(one.path) == os.path.realpath(named[one.source]):
            raise ConfigError("is the input itself", field=option, remedy="name another file")
    return named
