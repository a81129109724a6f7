"""Rows of sampled frames as columns, for `--per-frame` and pandas: the columns that `fields.py` explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wince.assess.fields import COLUMNS
from wince.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from wince.assess.result import ClipResult


def columns(result: ClipResult) -> dict[str, list[Any]]:
    """Values by column, typed, None where the CSV has an empty cell; each as long as `result.frames`."""
    rows = [
        (
            result.path.name, result.source, one.time_s, one.assessable, None if one.reason is None else one.reason.value, one.score,
            one.grade, one.confidence, *one.units, one.yaw, one.pitch, one.roll,
        )
        for one in result.frames
    ]  # fmt: skip
    return {name: [row[index] for row in rows] for index, name in enumerate(COLUMNS)}


def data_frame(result: ClipResult) -> pd.DataFrame:
    """A pandas DataFrame, a row per sampled frame; NaN (of grades pandas' NA) where the CSV is empty. Raises DataError without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise DataError("pandas is not installed", field="to_dataframe", remedy='pip install "wince[pandas]"') from None
    frame = pd.DataFrame(columns(result))
    numbers = [name for name in COLUMNS if name not in ("file", "source", "assessable", "reason", "grade")]
    return frame.astype(dict.fromkeys(numbers, "float64") | {"grade": "Int64", "assessable": "bool"})
