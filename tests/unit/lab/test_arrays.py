"""An archive comes whole, or is refused by one kind of error, wherever it is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wince.errors import DataError
from wince.lab.arrays import read_arrays


def test_arrays_come_as_they_were_written(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3), name=np.array("bed"))
    found = read_arrays(tmp_path / "a.npz", "can't be read", field="a", remedy="r")
    assert found["x"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert str(found["name"]) == "bed"


@pytest.mark.parametrize("packed", [False, True])
def test_wherever_it_is_damaged_the_error_is_of_one_kind(tmp_path: Path, packed: bool) -> None:
    """Each byte flipped in turn, and the end lost: zlib, zipfile, numpy and the header's tokenizer each raise their own."""
    file = tmp_path / "a.npz"
    write = np.savez_compressed if packed else np.savez
    write(file, x=np.arange(20.0), y=np.array(["calm", "pain"]))
    whole, refused = file.read_bytes(), list[DataError]()
    for at in range(len(whole)):
        for content in (whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :], whole[:at]):
            file.write_bytes(content)
            try:
                read_arrays(file, "can't be read", field="a.npz", remedy="draw it again")
            except DataError as error:
                refused.append(error)
    assert len(refused) > len(whole)
    assert {(error.field, error.remedy) for error in refused} == {("a.npz", "draw it again")}
    assert all(error.message.startswith("can't be read (") for error in refused)


def test_a_pickled_object_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{"run": "this"}], dtype=object))
    with pytest.raises(DataError, match="ValueError"):
        read_arrays(tmp_path / "a.npz", "can't be read", field="a", remedy="r")
