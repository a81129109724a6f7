"""Does the chain know when it can't see: the plan, the table, and one drawn person judged as `wince assess` judges."""

from pathlib import Path

import pytest

from wince.domain.reason import Reason
from wince.lab.activity.evaluate import abstention
from wince.lab.activity.evaluate.abstention import CAUSES, DARK, Judgement, causes, table
from wince.lab.corpus.recipe import PARTS
from wince.lab.corpus.unseen import UNSEEN
from wince.settings import Settings


@pytest.mark.parametrize("seed", [49000, 49017, 49059])
def test_each_person_shows_every_cause_once_and_as_it_says(seed: int):
    people, planned = causes(seed)
    stills = dict(planned)
    assert [cause for cause, _ in planned] == list(CAUSES)
    assert len(people) == 1
    assert abs(stills["clear"].pose["yaw"]) <= 30
    assert stills["clear"].cover == "none"
    assert 50 <= abs(stills["turned"].pose["yaw"]) <= 85
    assert 150 <= stills["upside_down"].pose["roll"] <= 210
    assert DARK[0] <= stills["dark"].scene.exposure <= DARK[1]
    assert stills["mask"].cover == people[0].occluder.kind == "mask"
    assert all(still.scene.exposure > 0.5 for cause, still in planned if cause != "dark")
    assert [(cause, still.weights, still.pose) for cause, still in causes(seed)[1]] == [(c, s.weights, s.pose) for c, s in planned]


def test_its_persons_are_in_no_part():
    assert not {seed for part in (*PARTS.values(), UNSEEN) for seed in part} & set(abstention.PERSONS)


def test_the_table_counts_what_is_assessable_and_whose_reason_is_right():
    judged = [
        Judgement("clear", True, "", 1, True), Judgement("clear", True, Reason.UNCERTAIN, 2, False),
        Judgement("clear", False, Reason.BLURRED, 3, False),
        Judgement("dark", False, Reason.DARK, 1, False), Judgement("dark", False, Reason.NONE, 1, False),
        Judgement("dark", True, "", 1, True),
        Judgement("empty", False, Reason.NONE, 1, False),
    ]  # fmt: skip
    rows = table(judged)
    assert list(rows) == ["clear", "dark", "empty"]
    assert (rows["clear"].pictures, rows["clear"].assessable, rows["clear"].right) == (3, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (rows["dark"].assessable, rows["dark"].right) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert rows["dark"].reasons == {"": 1, "dark": 1, "none": 1}
    assert rows["empty"].right == 1


def test_a_drawn_person_is_judged_and_what_has_no_face_is_never_assessable(head_file: Path):
    told: list[int] = []
    rows = table(abstention.measure(Settings(), head_file, [49000], told.append))
    assert told == [49000]
    assert rows["clear"].assessable == 1
    assert rows["empty"].assessable == 0
    assert rows["empty"].right == 1
    assert rows["dark"].assessable == 0
