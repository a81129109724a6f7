"""Packed arrays are read without running what the file says; damage is a named error."""

from __future__ import annotations

import os
import pickle
import struct
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.errors import ModelFileError
from wince.models import joblib_arrays
from wince.models.joblib_arrays import read_arrays, unpack


def stored(data: bytes) -> bytes:
    """A frame that holds `data`, as joblib's `compress="lz4"` writes it."""
    return lz4.frame.compress(data)


def dump(arrays: list[np.ndarray], module: str = "joblib.numpy_pickle", name: str = "NumpyArrayWrapper") -> bytes:
    """A list of arrays as joblib 1.4 writes it: a pickle of protocol 4 with each array's padding and bytes behind its description."""

    def text(word: str) -> bytes:
        return b"\x8c" + bytes([len(word)]) + word.encode()

    out = b"\x80\x04]("
    for array in arrays:
        shape = b"(" + b"".join(b"J" + struct.pack("<i", side) for side in array.shape) + b"t"
        dtype = text("numpy") + text("dtype") + b"\x93" + text("f4") + b"\x89\x88\x87R"
        dtype += b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        out += text(module) + text(name) + b"\x93)\x81}("
        out += text("subclass") + text("numpy") + text("ndarray") + b"\x93" + text("shape") + shape + text("order") + text("C")
        out += text("dtype") + dtype + text("allow_mmap") + b"\x88" + text("numpy_array_alignment_bytes") + b"K\x10ub"
        padding = 16 - (len(out) + 1) % 16
        out += bytes([padding]) + b"\xff" * padding + array.astype("<f4").tobytes()
    return out + b"e."


shapes = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4), max_size=5)


@given(shapes)
def test_arrays_come_out_as_they_went_in(sides: list[list[int]]) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in sides]
    found = read_arrays(stored(dump(arrays)), "x")
    assert [one.shape for one in found] == [one.shape for one in arrays]
    assert all((a == b).all() for a, b in zip(found, arrays, strict=True))


@given(st.binary(max_size=200_000))
def test_a_frame_s_content_comes_back(data: bytes) -> None:
    assert unpack(stored(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"nonsense", stored(b"abc")[:7], stored(b"abc")[:3], stored(b"abc")[:-5], stored(b"abc")[:-4] + b"\x01",
        struct.pack("<IBBB", 0x184D2204, 0b01000000, 0x40, 0) + bytes(4),
        stored(b""), stored(b"\x80\x04]."[:-1]), stored(b"\x80\x04]."  + b"more"), stored(b"\x80\x04K\x01."),
        stored(dump([np.ones((3, 3))])[:-20]),
    ],
)  # fmt: skip
def test_what_is_none_is_a_named_error(data: bytes) -> None:
    with pytest.raises(ModelFileError) as caught:
        read_arrays(data, "mtcnn_pnet")
    assert caught.value.field == "mtcnn_pnet"
    assert "wince models fetch" in caught.value.remedy


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a frame that unpacks without end nor an array that claims more than there is."""
    monkeypatch.setattr(joblib_arrays, "MAX_BYTES", 1000)
    with pytest.raises(ModelFileError):
        read_arrays(stored(bytes(1001)), "x")
    with pytest.raises(ValueError, match="too large"):
        unpack(stored(bytes(10_000_000)))
    with pytest.raises(ModelFileError):
        read_arrays(stored(dump([np.ones((3, 3))]).replace(struct.pack("<i", 3), struct.pack("<i", 30_000))), "x")


class Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_file_that_names_anything_else_runs_nothing(tmp_path: Path, protocol: int) -> None:
    """os.mkdir, numpy's own loaders, joblib's other classes: none is ever looked up."""
    with pytest.raises(ModelFileError):
        read_arrays(stored(pickle.dumps([Evil(tmp_path / "made")], protocol)), "x")
    assert not (tmp_path / "made").exists()
    for module, name in (("joblib.numpy_pickle", "NDArrayWrapper"), ("builtins", "eval"), ("numpy", "load")):
        with pytest.raises(ModelFileError):
            read_arrays(stored(dump([np.ones((2, 2))], module, name)), "x")


@given(st.data())
def test_any_damage_is_a_named_error_or_other_numbers(data: st.DataObject) -> None:
    """One byte changed anywhere: float32 arrays, or ModelFileError; nothing else ever comes out."""
    good = bytearray(stored(dump([np.ones((2, 3)), np.zeros(4)])))
    at = data.draw(st.integers(0, len(good) - 1))
    good[at] = data.draw(st.integers(0, 255))
    try:
        found = read_arrays(bytes(good), "x")
    except ModelFileError:
        return
    assert all(one.dtype == np.float32 for one in found)
