"""Reads a list of numpy arrays out of a joblib dump that is packed as an LZ4 frame, running nothing of what the file says.

Such a dump is a pickle with the arrays' raw bytes between its instructions. Only three names may occur in it, and all three stand for
inert classes of this module: no code of joblib, numpy or anybody else is called by the file. Read only files whose hash was checked.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import lz4.frame
import numpy as np
from numpy.typing import NDArray

from wince.errors import ModelFileError

MAX_BYTES = 64 << 20
"""Unpacked size above which a file is refused."""


def read_arrays(data: bytes, name: str) -> list[NDArray[np.float32]]:
    """The dump's arrays, float32, in order. `name` stands in the error. Raises ModelFileError where it is something else."""
    try:
        return _Arrays(io.BytesIO(unpack(data))).arrays()
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise ModelFileError("is not a packed list of arrays", field=name, remedy="run `wince models fetch`") from error


def unpack(data: bytes) -> bytes:
    """The content of one LZ4 frame. Raises ValueError where it is none, is cut off, damaged, or unpacks to more than MAX_BYTES."""
    reader = lz4.frame.LZ4FrameDecompressor()
    try:
        out = bytes(reader.decompress(data, max_length=MAX_BYTES + 1))
    except RuntimeError:  # the library's only error
        raise ValueError("no LZ4 frame, or a damaged one") from None
    if len(out) > MAX_BYTES:
        raise ValueError("too large")
    if not reader.eof:
        raise ValueError("cut off")
    return out


class _Inert:
    """Stands for `numpy.ndarray` and for a dtype: keeps what it is given, does nothing."""

    def __init__(self, *given: Any) -> None:
        self.given = given

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Arrays(pickle.Unpickler):
    """Reads the instructions; where one describes an array, takes the array's bytes out of the stream.

    The stream is a BytesIO, from which the unpickler reads no byte ahead.
    """

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._stream = stream

    def arrays(self) -> list[NDArray[np.float32]]:
        found = self.load()
        if not isinstance(found, list) or self._stream.read(1):
            raise ValueError("no list, or something behind it")
        return [one.array for one in found]

    def find_class(self, module: str, name: str) -> Any:
        """The stand-ins; every other name ends the reading."""
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return _wrapper(self._take)
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return _Inert
        raise pickle.UnpicklingError(f"names {module}.{name}")

    def _take(self, state: dict[str, Any]) -> NDArray[np.float32]:
        dtype, shape = state["dtype"], state["shape"]
        if dtype.given[0] != "f4" or dtype.state[1] != "<" or state["order"] != "C" or not all(isinstance(n, int) and n > 0 for n in shape):
            raise ValueError("no little-endian float32 array")
        size = int(np.prod(shape, dtype=np.int64)) * 4
        padding = self._stream.read(1)[0] if state.get("numpy_array_alignment_bytes") else 0
        self._stream.read(padding)
        if size > MAX_BYTES or len(raw := self._stream.read(size)) != size:
            raise ValueError("cut off")
        return np.frombuffer(raw, "<f4").reshape(shape)


def _wrapper(take: Callable[[dict[str, Any]], NDArray[np.float32]]) -> type:
    """The class that stands for joblib's NumpyArrayWrapper: described by the file, filled by `take`."""

    class Wrapper:
        array: NDArray[np.float32]

        def __setstate__(self, state: dict[str, Any]) -> None:
            self.array = take(state)

    return Wrapper
