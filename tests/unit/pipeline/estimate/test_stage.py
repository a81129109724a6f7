"""Estimate's fold: exactly one estimate per face, reasons pass, what is late is not scored."""

from collections.abc import Sequence

import numpy as np
import pytest

from wince.domain.estimate import Estimate, Reading
from wince.domain.face import Face, Pose
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.errors import PeerError, Unavailable
from wince.pipeline.estimate.interface import Score
from wince.pipeline.estimate.stage import State, step

UNITS = np.array([1, np.nan, 2, np.nan, 0, 0], np.float32)


def face(sequence: int, time_us: int = 0, reason: Reason | None = None) -> Face:
    return Face("cam", sequence, time_us, (640, 480), reason, 1, None, None, Pose(1.0, 2.0, 3.0), None, None, b"")


class Numbers:
    """Scores a face with its own sequence number."""

    model_set = "ab"

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def score(self, faces: Sequence[Face]) -> list[Score]:
        self.calls.append([face.sequence for face in faces])
        return [Score(Reading(float(face.sequence), 0.9, UNITS, 0.0), embedding=np.zeros(3, np.float32)) for face in faces]


def test_every_face_gets_one_estimate_in_order_and_beats_stay_between():
    beat, scorer = Beat("cam", US, 2, 0, 0), Numbers()
    batch = [face(1), face(2, reason=Reason.DARK), beat, face(3)]
    state, out = step(State(), batch, 0, scorer, 10 * US)
    assert [type(message) for message in out] == [Estimate, Estimate, Beat, Estimate]
    assert out[2] is beat
    first, dark, _, last = out
    assert (first.reading.score, dark.reason, dark.reading, last.reading.score) == (1.0, Reason.DARK, None, 3.0)
    assert {message.model_set for message in (first, dark, last)} == {"ab"}
    assert first.pose == Pose(1.0, 2.0, 3.0)
    assert state == State(scored=2, passed=1)


def test_the_scorer_is_called_once_and_only_with_faces_to_be_scored():
    scorer = Numbers()
    step(State(), [face(1), face(2, reason=Reason.NONE), face(3), face(4)], 0, scorer, US)
    assert scorer.calls == [[1, 3, 4]]
    step(State(), [face(5, reason=Reason.NONE), Beat("cam", US, 1, 0, 0)], 0, scorer, US)
    assert len(scorer.calls) == 1


def test_a_face_older_than_the_limit_is_late_and_one_at_the_limit_is_not():
    state, (old, edge) = step(State(), [face(1, 0), face(2, 1)], 10 * US + 1, Numbers(), 10 * US)
    assert (old.reason, old.reading, edge.reason) == (Reason.LATE, None, None)
    assert state == State(scored=1, late=1)


def test_an_old_face_that_was_unassessable_keeps_its_own_reason():
    _, (estimate,) = step(State(), [face(1, 0, Reason.COVERED)], 99 * US, Numbers(), US)
    assert estimate.reason is Reason.COVERED


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (Score(None, Reason.UNCERTAIN), Reason.UNCERTAIN),
        (Score(None), Reason.UNCERTAIN),
        (Score(Reading(float("nan"), 0.9, UNITS, 0.0)), Reason.UNCERTAIN),
        (Score(Reading(3.0, float("nan"), UNITS, 0.0)), Reason.UNCERTAIN),
        (Score(Reading(3.0, 0.9, UNITS, 0.0), Reason.MODEL_CHANGE), Reason.MODEL_CHANGE),
    ],
)
def test_an_answer_without_a_number_is_a_reason_never_a_number(score: Score, reason: Reason):
    scorer = Numbers()
    scorer.score = lambda faces: [score]
    state, (estimate,) = step(State(), [face(1)], 0, scorer, US)
    assert (estimate.reason, estimate.reading, estimate.embedding) == (reason, None, None)
    assert state == State(declined=1)


def test_what_the_scorer_does_not_measure_stays_unmeasured():
    _, (estimate,) = step(State(), [face(1)], 0, Numbers(), US)
    assert np.isnan(estimate.reading.units[[1, 3]]).all()


def test_a_scorer_that_skips_a_face_is_refused():
    scorer = Numbers()
    scorer.score = lambda faces: []
    with pytest.raises(PeerError):
        step(State(), [face(1)], 0, scorer, US)


def test_a_scorer_that_is_away_leaves_the_state_as_it_was():
    scorer = Numbers()

    def away(faces: Sequence[Face]) -> list[Score]:
        raise Unavailable("no answer")

    scorer.score = away
    before = State(scored=3)
    with pytest.raises(Unavailable):
        step(before, [face(1)], 0, scorer, US)
    assert before == State(scored=3)
