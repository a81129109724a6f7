"""A corpus that is not whole is refused, and the error says which file and why."""

from pathlib import Path

import numpy as np
import pytest

from tests.support import corpus as made
from wince.errors import DataError
from wince.lab.corpus.read import drawn, read_corpus
from wince.lab.corpus.recipe import CALM, STILLS

SEEDS = range(40000, 40003)


def test_rows_stand_person_by_person_with_the_calm_ones_first(tmp_path: Path):
    made.write(tmp_path, SEEDS)
    corpus = read_corpus(tmp_path, SEEDS)
    assert len(corpus) == len(SEEDS) * STILLS
    assert corpus.calm.reshape(len(SEEDS), STILLS).sum(axis=1).tolist() == [CALM] * len(SEEDS)
    assert corpus.calm[:CALM].all()
    assert set(corpus["cover"][corpus.usable]) <= {"none", "tube"}
    assert drawn(tmp_path, range(39999, 40002)) == [40000, 40001]


def test_a_missing_person_is_named(tmp_path: Path):
    made.write(tmp_path, SEEDS)
    (tmp_path / "40001.npz").unlink()
    with pytest.raises(DataError) as error:
        read_corpus(tmp_path, SEEDS)
    assert error.value.field == "40001.npz"


@pytest.mark.parametrize("column", ["au4", "pspi", "landmarks", "features"])
def test_a_truth_that_is_not_finite_is_named(tmp_path: Path, column: str):
    array = made.person(40000)[column]
    array.reshape(-1)[7] = np.nan
    made.write(tmp_path, range(40000, 40001), **{column: array})
    with pytest.raises(DataError, match=column) as error:
        read_corpus(tmp_path, range(40000, 40001))
    assert error.value.field == "40000.npz"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"version": np.array(99)}, "version"),
        ({"features": np.zeros((STILLS, 4, 8, 8), np.float16)}, "features"),
        ({"seed": np.array(1)}, "another person"),
        ({"kind": np.array(["pain"] * STILLS)}, "another person"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, changed: dict[str, np.ndarray], said: str):
    made.write(tmp_path, range(40000, 40001), **changed)
    with pytest.raises(DataError, match=said):
        read_corpus(tmp_path, range(40000, 40001))


def test_half_a_file_is_refused(tmp_path: Path):
    made.write(tmp_path, range(40000, 40001))
    file = tmp_path / "40000.npz"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(DataError, match="can't be read"):
        read_corpus(tmp_path, range(40000, 40001))
