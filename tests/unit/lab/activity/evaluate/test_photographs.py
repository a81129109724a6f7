"""Real faces by emotion: what is read, what is refused. No figure of it is asserted: nothing is tuned on them."""

from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared
from wince.errors import DataError
from wince.lab.activity.evaluate import photographs
from wince.models.activity import load
from wince.models.fetch import path


def test_a_few_of_each_class_are_read_and_counted():
    folder = shared("ferplus")
    path("face_landmarks")
    faces, asked = photographs.find_faces(folder, per_class=6)
    assert asked["happiness"] == asked["anger"] == 6
    assert len(faces.label) == len(faces.landmarks) == len(faces.features) == len(faces.blendshapes) == len(faces.grey) > 10
    table = photographs.distribution(faces, load())
    assert sum(row["faces"] for row in table.values()) == len(faces.label)
    for row in table.values():
        assert 0 <= row["score p25"] <= row["score median"] <= row["score p75"] <= 16
        assert row["graded high"] + row["asks (conflict)"] <= row["reads high"] + 1e-3


def test_a_folder_that_is_no_pack_is_refused_by_name(tmp_path: Path):
    with pytest.raises(DataError, match="FER"):
        photographs.find_faces(tmp_path)
    np.savez(tmp_path / "labels.npz", split=np.zeros(3))
    with pytest.raises(DataError, match="FER") as caught:
        photographs.measure(tmp_path)
    assert caught.value.field == str(tmp_path)
