"""The part whose look training never had: what its recipe promises, that it is drawn otherwise, and that it can be measured."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared
from tests.support import corpus as made
from wince.errors import DataError
from wince.lab.activity.evaluate import scorer
from wince.lab.corpus import draw, recipe, unseen
from wince.lab.corpus.plan import plan
from wince.lab.synthesize.head import Head, load_head
from wince.models.fetch import path


def test_its_persons_are_in_no_part_and_not_beside_one():
    others = {seed for part in recipe.PARTS.values() for seed in part}
    beside = {person.seed for seed in unseen.UNSEEN for person in plan(seed)[0][1:]}
    assert not others & set(unseen.UNSEEN)
    assert not others & beside
    assert len(unseen.UNSEEN) == 30


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head(shared("head/ict_head.npz"))


def test_gains_are_each_persons_own_and_lids_still_shut(head: Head):
    first, again, other = unseen.gains(head, 48000), unseen.gains(head, 48000), unseen.gains(head, 48001)
    assert first == again != other
    assert set(first) == set(head.expression)
    assert all(first[name] == 1 for name in unseen.KEPT)
    values = np.array([gain for seed in unseen.UNSEEN for name, gain in unseen.gains(head, seed).items() if name not in unseen.KEPT])
    assert values.min() >= unseen.LEAST
    assert values.max() <= unseen.MOST
    assert 0.15 < np.log(values).std() < 0.35
    assert abs(np.log(values).mean()) < 0.05
    assert first["mouthSmile_L"] != first["mouthSmile_R"]
    mine = unseen.moved(head, 48000)
    assert np.allclose(mine.expression["noseSneer_L"], first["noseSneer_L"] * head.expression["noseSneer_L"])
    assert mine.neutral is head.neutral


def test_the_same_plan_looks_otherwise_and_the_truth_stays(head_file: Path):
    head = load_head(head_file)
    people, stills = plan(48000)
    still = [dataclasses.replace(stills[0], scene=dataclasses.replace(stills[0].scene, noise=0.0))]
    usual = next(iter(draw.shown(people, still, head)))[1].astype(float)
    other = next(iter(draw.shown(people, still, head, unseen.STYLE)))[1].astype(float)
    again = next(iter(draw.shown(people, still, head, unseen.STYLE)))[1].astype(float)
    assert (other == again).all()
    middle = (slice(100, 300), slice(120, 330))
    assert np.abs(usual - other)[middle].mean() > 8
    assert other[middle].std() > 10


def test_it_is_measured_as_the_test_is(tmp_path: Path):
    """On a made-up corpus, whose figures mean nothing."""
    path("face_geometry")
    for part in (recipe.TRAIN[:4], scorer.CHOSEN_ON, unseen.UNSEEN):
        made.write(tmp_path, part)
    scorer.evaluate(tmp_path, tmp_path / "out", resamples=2, persons=4, say=lambda text: None, on="unseen")
    content = json.loads((tmp_path / "out/scorer.json").read_text())
    assert content["part"] == "unseen"
    assert content["persons, validation / test"].startswith("54 / 30;")
    (tmp_path / "48007.npz").unlink()
    with pytest.raises(DataError, match="is missing"):
        scorer.evaluate(tmp_path, tmp_path / "out2", resamples=2, persons=4, say=lambda text: None, on="unseen")
