"""`wince lab corpus` and `wince lab evaluate scorer`: a person drawn once, the report as files, what is missing named."""

import json

import pytest

from tests.shared_data import shared
from tests.support import corpus as made
from wince.errors import DataError, InputError, ResourceError
from wince.lab.activity.evaluate.scorer import CHOSEN_ON
from wince.lab.corpus import plan, recipe
from wince.lab.synthesize.gl import Renderer
from wince.lab.synthesize.head import load_head
from wince.models.fetch import path


def test_a_person_is_drawn_once(wince, tmp_path):
    head = shared("head/ict_head.npz")
    path("face_landmarks")
    people, stills = plan.plan(recipe.TEST[0])
    try:
        Renderer(people, load_head(head), stills[0].scene).close()
    except (DataError, ResourceError) as error:
        pytest.skip(f"needs moderngl and an EGL driver ({error})")
    file = tmp_path / f"{recipe.TEST[0]}.npz"
    for _ in range(2):
        done = wince("lab", "corpus", tmp_path, "--head", head, "--part", "test", "--persons", 1, "--json")
        assert done.code == 0, done.err
        assert done.json()["persons"] == 1
        before = file.stat().st_mtime_ns
    assert file.stat().st_mtime_ns == before
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_an_unknown_part_is_named(wince, tmp_path):
    done = wince("lab", "corpus", tmp_path, "--part", "tset")
    assert done.code == InputError.exit_code
    assert "tset" in done.err
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--part", "train")
    assert done.code == InputError.exit_code
    assert "train" in done.err
    assert not (tmp_path / "out").exists()


def test_the_report_is_written_and_a_missing_person_named(wince, tmp_path):
    path("face_geometry")
    for part in (recipe.TRAIN[:3], CHOSEN_ON, recipe.TEST):
        made.write(tmp_path, part)
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--resamples", 2, "--persons", 3, "--json")
    assert done.code == 0, done.err
    assert done.json() == json.loads((tmp_path / "out/scorer.json").read_text())
    assert "<svg" in (tmp_path / "out/scorer.html").read_text()
    (tmp_path / f"{recipe.VALIDATION[2]}.npz").unlink()
    done = wince("lab", "evaluate", "scorer", tmp_path, tmp_path / "out", "--persons", 3)
    assert done.code == DataError.exit_code
    assert f"{recipe.VALIDATION[2]}.npz" in done.err
