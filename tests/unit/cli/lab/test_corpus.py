"""`wince lab corpus`: a person is drawn once; an unknown part is named."""

import pytest

from tests.shared_data import shared
from wince.cli.usage import UsageError
from wince.errors import DataError, ResourceError
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
    assert done.code == UsageError.exit_code
    assert "tset" in done.err
