"""numpy's archives (.npz), read whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wince.errors import DataError


def read_arrays(file: Path, what: str, *, field: str | Path, remedy: str) -> dict[str, NDArray[Any]]:
    """Every array by its name. Pickled objects are refused.

    Raises DataError, "`what` (KIND OF ERROR)", where the file can't be read, is no archive, or is damaged in any way.
    """
    try:
        with np.load(file, allow_pickle=False) as pack:
            return {name: pack[name] for name in pack.files}
    except Exception as error:  # numpy, zipfile, zlib and the tokenizer of an array's header raise errors of their own
        raise DataError(f"{what} ({type(error).__name__})", field=field, remedy=remedy) from error
