"""The run on half of the identity space: who lies where, and who is read by whom. Needs torch (extra `train`)."""

from pathlib import Path

import numpy as np
import pytest

from tests.support import corpus as made
from wince.errors import ModelFileError
from wince.lab.activity.evaluate import half as run
from wince.lab.corpus import recipe
from wince.lab.corpus.plan import HALVED, half, plan
from wince.lab.corpus.read import read_corpus
from wince.lab.synthesize.head import Head
from wince.lab.synthesize.person import IDENTITY_SPREAD, Actor
from wince.models.fetch import path


def test_halves_are_of_the_same_size_and_follow_the_coefficients():
    sides = [half(seed) for seed in recipe.TRAIN]
    assert 0.4 < np.mean(sides) < 0.6
    assert {half(seed) for seed in recipe.VALIDATION} == {half(seed) for seed in recipe.TEST} == {False, True}
    vertices = 60
    identity = np.zeros((HALVED + 3, vertices, 3), np.float32)
    identity[:HALVED, 0, 0] = 1  # vertex 0 moves by the sum of the first coefficients, vertex 1 by that of the others
    identity[HALVED:, 1, 0] = 1
    parts = {name: slice(50, 52) for name in ("teeth", "gums_and_tongue")}
    lids = {f"eyeBlink_{side}": np.ones((vertices, 3), np.float32) for side in "LR"}
    head = Head(np.zeros((vertices, 3), np.float32), identity, lids, np.zeros(68, np.int64), parts, np.zeros((1, 3), np.int32))
    for seed in range(40000, 40020):
        base = Actor(plan(seed)[0][0], head).base
        assert (base[0, 0] > 0) == half(seed)
        assert abs(base[0, 0]) < 6 * IDENTITY_SPREAD * HALVED**0.5


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs torch (extra train)")
    path("face_geometry")
    folder = tmp_path_factory.mktemp("corpus")
    for part in (recipe.TRAIN[:8], recipe.VALIDATION, recipe.TEST):
        made.write(folder, part)
    return folder


def test_it_is_measured_and_taken_up_again(corpus: Path, tmp_path: Path):
    """On a made-up corpus, whose figures mean nothing."""
    first = run.measure(corpus, tmp_path, 1, persons=8)
    assert sum(first["persons trained on"].values()) == 8
    assert set(first) >= {"own half", "other half", "own half, own calm face", "other half, own calm face"}
    value, low, high = first["other half"]["PSPI mean absolute error"]
    assert low <= value <= high
    assert run.measure(corpus, tmp_path, 1, persons=8) == first
    with pytest.raises(ModelFileError, match="another run"):
        run.measure(corpus, tmp_path, 2, persons=8)


def test_each_is_read_by_the_right_model(corpus: Path, monkeypatch: pytest.MonkeyPatch):
    test = read_corpus(corpus, recipe.TEST[:6])
    mine = np.array([half(int(seed)) for seed in test.person])

    def answers(model: bool, data: object) -> object:
        mean = np.full((len(test), len(run.OUTPUTS)), float(model), np.float32)
        return (mean, mean), (mean, mean)

    monkeypatch.setattr(run, "answers", answers)
    own, _ = run.read_by({False: False, True: True}, test, own=True, personal=False)
    other, _ = run.read_by({False: False, True: True}, test, own=False, personal=True)
    assert (own == 16.0 * mine).all()
    assert (other == 16.0 * ~mine).all()
