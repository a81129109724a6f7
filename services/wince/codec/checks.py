"""What every decoder checks. Each check raises MessageError with the field's path within its message, never its value:
a value may be about a patient."""

from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from wince.control import REMEDY, WORDS, has_control
from wince.errors import MessageError

MAX_SOURCE = 256
"""Longest source id, characters."""
MAX_TEXT = 4096
"""Longest text of a message, characters."""
MAX_AUTHOR = 128
"""Longest staff identifier, characters."""
LAST_DECISION_US = 4_102_444_800_000_000
"""The year 2100 begins, microseconds UTC."""
MAX_TIME_US = 253_402_300_799_999_999
"""Last microsecond of the year 9999."""


def source(value: str) -> str:
    """A source id: not empty, at most MAX_SOURCE characters."""
    if not 0 < len(value) <= MAX_SOURCE:
        raise MessageError(f"must have 1 to {MAX_SOURCE} characters", field="source")
    return value


def unprintable(value: str) -> tuple[str, str] | None:
    """What is wrong with a text, and the remedy: a control character, or more than MAX_TEXT characters. None: nothing; it may be empty."""
    if has_control(value):
        return WORDS, REMEDY
    return (f"must have at most {MAX_TEXT} characters", "") if len(value) > MAX_TEXT else None


def author(value: str, field: str) -> str:
    """The staff identifier of who decides something: 1 to MAX_AUTHOR characters."""
    if not value.strip() or len(value) > MAX_AUTHOR:
        raise MessageError(f"must have 1 to {MAX_AUTHOR} characters", field=field, remedy="the staff identifier, not a name")
    return value


def decided(value: int, field: str) -> int:
    """When a person decided something, or from when on it holds, microseconds UTC: given, and before the year 2100."""
    if value == 0:
        raise MessageError("must be given", field=field, remedy="microseconds since 1970-01-01T00:00Z")
    if not 0 < value < LAST_DECISION_US:
        raise MessageError("must not be negative, nor beyond the year 2099 (microseconds)", field=field)
    return value


def text(value: str, field: str) -> str:
    """Text that must not be empty."""
    if not value:
        raise MessageError("must not be empty", field=field)
    return value


def moment(value: int, field: str) -> int:
    """Microseconds, 0 up to the year 9999."""
    if not 0 <= value <= MAX_TIME_US:
        raise MessageError("must not be negative, nor beyond the year 9999 (microseconds)", field=field)
    return value


def interval(start_us: int, end_us: int) -> tuple[int, int]:
    """Two moments in order."""
    moment(start_us, "start_us")
    if moment(end_us, "end_us") < start_us:
        raise MessageError("must not be before start_us", field="end_us")
    return start_us, end_us


def within(value: float, low: float, high: float, field: str) -> float:
    """A number of [low, high]; NaN is none."""
    if not low <= value <= high:
        raise MessageError(f"must be a number within {low:g} to {high:g}", field=field)
    return value


def finite(value: float, field: str) -> float:
    """A number, neither NaN nor infinite."""
    if value - value != 0:
        raise MessageError("must be a finite number", field=field)
    return value


def identity(value: str, field: str) -> UUID:
    """A UUID in its canonical text (36 characters, lower case)."""
    try:
        parsed = UUID(value)
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != value:
        raise MessageError("must be a UUID in canonical text", field=field)
    return parsed


def floats32(data: bytes, shape: tuple[int, ...], field: str) -> NDArray[np.float32]:
    """Finite little-endian binary32 in C order; the array is a view of `data` and can't be written to."""
    if len(data) != 4 * int(np.prod(shape)):
        raise MessageError(f"must have {4 * int(np.prod(shape))} bytes, has {len(data)}", field=field)
    array = np.frombuffer(data, dtype="<f4").reshape(shape)
    if not np.isfinite(array).all():
        raise MessageError("must hold finite numbers only", field=field)
    return array


def bytes8(data: bytes, shape: tuple[int, ...], field: str) -> NDArray[np.uint8]:
    """Values 0-255 in C order; the array is a view of `data` and can't be written to."""
    if len(data) != int(np.prod(shape)):
        raise MessageError(f"must have {int(np.prod(shape))} bytes, has {len(data)}", field=field)
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def floats16(data: bytes, shape: tuple[int, ...], field: str) -> NDArray[np.float16]:
    """Finite little-endian binary16 in C order; the array is a view of `data` and can't be written to."""
    if len(data) != 2 * int(np.prod(shape)):
        raise MessageError(f"must have {2 * int(np.prod(shape))} bytes, has {len(data)}", field=field)
    array = np.frombuffer(data, dtype="<f2").reshape(shape)
    if not np.isfinite(array).all():
        raise MessageError("must hold finite numbers only", field=field)
    return array
