"""Estimate's fold where members see clips: gathered per source, the same however it is cut, bounded, named where not whole."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wince.domain.clip import Clip
from wince.domain.estimate import Reading
from wince.domain.face import Face
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.errors import Unavailable
from wince.pipeline.estimate import clips
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.stage import State, step

STEP = 200_000
AGE = 10 * US


def face(time_us, source="cam", reason=None, size=3):
    crop = b"" if reason is not None else f"{source}{time_us}".encode().ljust(size, b".")
    box = None if reason is not None else np.array([10, 10, 90, 90], np.float32)
    return Face(source, time_us // STEP, time_us, (640, 480), reason, 1, box, None, None, None, None, crop)


class Seers:
    """Remembers the clips that it was asked for."""

    model_set = "x"
    clip = Clip(("m",), 4, 5.0)

    def __init__(self):
        self.asked = []
        self.away = False

    def score(self, faces):
        raise AssertionError("a face alone is no clip")

    def score_clips(self, faces, clips_):
        if self.away:
            raise Unavailable("away")
        self.asked += [tuple(clip) for clip in clips_]
        return [Score(Reading(float(len(clip)), 1.0, np.zeros(6, np.float32), 0.0)) for clip in clips_]


def run(batches, now_us=0):
    scorer, state, out = Seers(), State(), []
    for batch in batches:
        state, made = step(state, batch, now_us, scorer, AGE)
        out += made
    return scorer, state, out


def test_from_the_fourth_face_on_there_are_clips():
    scorer, state, out = run([[face(at * STEP)] for at in range(6)])
    assert [one.reason for one in out] == [Reason.GAP] * 3 + [None] * 3
    assert scorer.asked[-1] == (b"cam400000", b"cam600000", b"cam800000", b"cam1000000")
    assert (state.broken, state.scored) == (3, 3)


INPUT = [
    *(face(at * STEP, source) for at in range(9) for source in ("a", "b")), Beat("a", 2 * US, 5, 0, 0),
    face(9 * STEP, "a", Reason.TURNED), *(face(at * STEP, "a") for at in range(10, 16)), Beat("b", 3 * US, 0, 0, 0, Reason.NO_FRAME),
    *(face(at * STEP, "b") for at in range(17, 23)), Beat("a", 4 * US, 0, 0, 0, ended=True),
]  # fmt: skip


@given(st.sets(st.integers(0, len(INPUT)), max_size=8))
def test_how_the_input_is_cut_changes_nothing(cuts):
    edges = [0, *sorted(cuts), len(INPUT)]
    whole, parts = run([INPUT]), run([INPUT[a:b] for a, b in pairwise(edges)])
    assert whole[0].asked == parts[0].asked
    assert [(one.source, one.time_us, one.reason) for one in whole[2]] == [(one.source, one.time_us, one.reason) for one in parts[2]]
    assert whole[1] == parts[1]


def test_sources_do_not_meet():
    """Two beds in turns: each clip is of one of them."""
    asked = run([INPUT])[0].asked
    assert {crop[:1] for clip in asked for crop in clip} == {b"a", b"b"}
    assert all(len({crop[:1] for crop in clip}) == 1 for clip in asked)


def test_what_is_missing_is_named_and_no_clip_lies_over_it():
    """A turned face, a lost one, a late one."""
    turned = [face(at * STEP, reason=Reason.TURNED if at == 5 else None) for at in range(10)]
    assert [one.reason for one in run([turned])[2]] == [Reason.GAP] * 3 + [None] * 2 + [Reason.TURNED] * 4 + [None]
    lost = [face(at * STEP) for at in range(10) if at != 5]
    assert [one.reason for one in run([lost])[2]] == [Reason.GAP] * 3 + [None] * 2 + [Reason.GAP] * 3 + [None]
    late = run([[face(at * STEP) for at in range(5)]], now_us=AGE + 3 * STEP)
    assert [one.reason for one in late[2]] == [Reason.LATE] * 3 + [None] * 2
    assert late[0].asked[0] == (b"cam0", b"cam200000", b"cam400000", b"cam600000")  # its crop is there, it only isn't scored


def test_a_scorer_that_is_away_leaves_the_clips_as_they_were():
    scorer, state = Seers(), State()
    for at in range(4):
        state, _ = step(state, [face(at * STEP)], 0, scorer, AGE)
    scorer.away = True
    for _ in range(3):
        with pytest.raises(Unavailable):
            step(state, [face(4 * STEP)], 0, scorer, AGE)
    scorer.away = False
    _, (one,) = step(state, [face(4 * STEP)], 0, scorer, AGE)
    assert one.reason is None
    assert scorer.asked[-1] == (b"cam200000", b"cam400000", b"cam600000", b"cam800000")


def test_faces_that_are_read_again_give_the_same_clips():
    """From an earlier position: what was known of that time and later is replaced; what was forgotten since is not made up."""
    once = run([[face(at * STEP) for at in range(8)]])[0].asked
    scorer, _, _ = run([[face(at * STEP) for at in range(8)], [face(at * STEP) for at in range(5, 8)]])
    assert scorer.asked == once + once[-1:]


def test_memory_is_bounded(monkeypatch):
    """By time, by a beat where no face comes, by the source's end, by count where a camera floods, by bytes over all sources."""
    state = run([[face(at * STEP) for at in range(1000)]])[1]
    assert len(state.clips.sources["cam"]) == 4
    scorer = Seers()
    assert not step(state, [Beat("cam", 1000 * STEP + US, 0, 0, 0, Reason.NO_FRAME)], 0, scorer, AGE)[0].clips.sources
    assert not step(state, [Beat("cam", 1000 * STEP, 0, 0, 0, ended=True)], 0, scorer, AGE)[0].clips.sources
    flood = run([[face(at) for at in range(3000)]])[1]
    assert len(flood.clips.sources["cam"]) == clips.MOST_FACES
    monkeypatch.setattr(clips, "MOST_BYTES", 40_000)
    many = run([[face(at * STEP, f"bed{bed}", size=1000) for bed in range(50)] for at in range(4)])
    held = many[1].clips.sources
    assert sum(len(one.crop) for faces in held.values() for one in faces) <= 40_000
    assert list(held) == [f"bed{bed}" for bed in range(40, 50)]
