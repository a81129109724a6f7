"""Whether a result can be written, asked before the work for it begins: hours of grading shall not end at a folder that nobody may write.

What is tried is taken away again. A disk that fills up later is told when the result is written.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from wince.errors import ResourceError
from wince.report.write_all import made_folder
from wince.report.write_whole import is_direct, unwritable


def try_folder(folder: Path, *, field: str) -> None:
    """Try a folder, which may be absent yet. Raises ResourceError, which names `field`, where a file could not be made in it."""
    try:
        with made_folder(folder), tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        why = unwritable(error, folder)
        raise ResourceError(f"{folder} {why.message}", field=field, remedy=why.remedy) from None


def try_file(path: Path, *, field: str) -> None:
    """Try a file, which may be absent yet; a device or pipe is left alone. Raises ResourceError, which names `field`."""
    if path.is_dir():
        raise ResourceError(f"{path} is a folder", field=field, remedy="name a file in it")
    if not is_direct(path):
        try_folder(Path(os.path.realpath(path)).parent, field=field)
