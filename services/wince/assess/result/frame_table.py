"""Rows of sampled frames as columns, for `--per-frame` and pandas: the columns that `fields.py` explains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wince.assess.result.fields import COLUMNS
from wince.assess.result.values import FrameRow
from wince.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


def columns(path: Path, source: str, frames: Sequence[FrameRow]) -> dict[str, list[Any]]:
    """Values by column, typed, None where the CSV has an empty cell; each as long as `frames`."""
    rows = [
        (
            path.name, source, one.time_s, one.assessable, None if one.reason is None else one.reason.value, one.score,
            one.grade, one.confidence, *one.units, one.yaw, one.pitch, one.roll,
        )
        for one in frames
    ]  # fmt: skip
    return {name: [row[index] for row in rows] for index, name in enumerate(COLUMNS)}


def data_frame(path: Path, source: str, frames: Sequence[FrameRow]) -> pd.DataFrame:
    """A pandas DataFrame, a row per sampled frame; NaN (of grades pandas' NA) where the CSV is empty. Raises DataError without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise DataError("pandas is not installed", field="to_dataframe", remedy="pip install pandas") from None
    frame = pd.DataFrame(columns(path, source, frames))
    numbers = [name for name in COLUMNS if name not in ("file", "source", "assessable", "reason", "grade")]
    return frame.astype(dict.fromkeys(numbers, "float64") | {"grade": "Int64", "assessable": "bool"})
