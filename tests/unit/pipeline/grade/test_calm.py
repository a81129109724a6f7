"""A nurse's word teaches the calm face: a resting face that reads high, answers of every kind, at every time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.pipeline.grade.feed import PROTOCOL, Look, alerts, assessments, estimate, feed, questions, setup
from tests.unit.pipeline.grade.test_stage import Against, occupied
from wince.domain.care import Answer, Pause
from wince.domain.frame import US
from wince.domain.ids import assessment_id
from wince.pipeline.grade import stage
from wince.pipeline.grade.calm import ENOUGH, KEPT, Calm
from wince.pipeline.grade.snapshot import dump, load

RESTS: Look = (5.0, 0.9, 0.0)
"""A face at rest that the scorer takes for pain."""
HURTS: Look = (11.0, 0.9, 0.0)


def window(start_s: float) -> UUID:
    return assessment_id(setup().site, "cam", PROTOCOL.name, round(start_s * US))


def said(start_s: float, at_s: float, *, painless: bool = True) -> Answer:
    """What a nurse answered at `at_s` about the window that began at `start_s`."""
    return Answer("cam", window(start_s), painless, round(at_s * US))


def begun(personal: object | None = None) -> stage.State:
    """Fifteen seconds of a resting face that reads high: an alert in the first window."""
    state = stage.begin("cam", setup(personal or Against()))
    state, events = stage.step(state, [occupied(0, 1), *feed(lambda t: RESTS, 15, ended=False)])
    assert [one.assessment for one in alerts(events)] == [window(0)]
    assert [one.grade_name for one in assessments(events)] == ["high"] * 3
    return state


def graded(state: stage.State, *messages: stage.Input, look: Look = RESTS, at_s: float = 15) -> list[tuple[bool, str]]:
    _, events = stage.step(state, [*messages, *feed(lambda t: look, 10, origin_s=at_s, ended=False)])
    return [(one.personal, one.grade_name) for one in assessments(events)]


def test_no_pain_said_the_nurse() -> None:
    """From the next window on the face is read against itself: rest is quiet, and pain is what differs from it."""
    state = begun()
    assert graded(state) == [(False, "high"), (False, "high")]
    assert graded(state, said(0, 14)) == [(True, "quiet"), (True, "quiet")]
    assert graded(state, said(0, 14), look=HURTS) == [(True, "high"), (True, "high")]


@pytest.mark.parametrize("answers", [
    [said(0, 14, painless=False)],
    [said(0, 13), said(0, 14, painless=False)],
    [said(0, 14, painless=False), said(0, 13)],
    [said(5, 14)],
    [Answer("cam", UUID(int=5), True, 14 * US)],
    [],
])  # fmt: skip
def test_what_teaches_nothing(answers: list[stage.Input]) -> None:
    """Pain, or that she can't tell; taken back later, in whichever order that arrives; a window that nobody was asked about."""
    assert graded(begun(), *answers) == [(False, "high"), (False, "high")]


def test_a_later_word_of_no_pain_holds() -> None:
    assert graded(begun(), said(0, 13, painless=False), said(0, 14)) == [(True, "quiet"), (True, "quiet")]


def test_a_word_that_is_told_twice_changes_nothing() -> None:
    state, _ = stage.step(begun(), [said(0, 14)])
    again, _ = stage.step(state, [said(0, 14)])
    assert dump(again) == dump(state)


def test_a_late_word_teaches_from_the_open_window_on_and_never_before_she_decided() -> None:
    state, _ = stage.step(begun(), feed(lambda t: RESTS, 60, origin_s=15, ended=False))
    assert graded(state, said(0, 14), at_s=75) == [(True, "quiet"), (True, "quiet")]
    assert graded(state, said(0, 78), at_s=75) == [(False, "high"), (True, "quiet")]


def test_another_patient_is_not_taught() -> None:
    """The stay changes before or after the word: nothing of the window is left, not in the snapshot either."""
    other = occupied(15, 2)
    assert graded(begun(), said(0, 14), other) == [(False, "high"), (False, "high")]
    state, _ = stage.step(begun(), [other, *feed(lambda t: RESTS, 4, origin_s=15, ended=False)])
    state, _ = stage.step(state, feed(lambda t: RESTS, 4, origin_s=19.2, ended=False))
    assert [one.assessment for one in state.calm.shown] == [window(15)], "the second patient's own alert"
    assert state.calm.face(25, 1 << 60) is None
    assert graded(state, said(0, 22), at_s=23.4) == [(False, "high"), (False, "high")]


def test_a_smile_never_teaches() -> None:
    """Asked about a smile with pain, she says no pain: the smile isn't the resting face."""
    grin: Look = (7.0, 0.9, 0.9)
    state, events = stage.step(stage.begin("cam", setup(Against())), [occupied(0, 1), *feed(lambda t: grin, 15, ended=False)])
    assert questions(events)
    assert state.calm.shown == ()


def test_no_expression_teaches() -> None:
    class Talks(Against):
        def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
            return np.zeros(len(embeddings), np.bool_)

    assert begun(Talks()).calm.shown == ()


def test_an_unsure_look_teaches() -> None:
    """The scorer is unsure of a face; the nurse who is asked isn't."""
    unsure: Look = (5.0, 0.2, 0.0)
    state, events = stage.step(stage.begin("cam", setup(Against())), [occupied(0, 1), *feed(lambda t: unsure, 15, ended=False)])
    (asked,) = questions(events)
    assert graded(state, Answer("cam", asked.assessment, True, 14 * US)) == [(True, "quiet"), (True, "quiet")]


def test_paused_windows_and_those_of_two_patients_are_not_kept() -> None:
    for message in (Pause("cam", 0, 5 * US), occupied(3, 2)):
        state, _ = stage.step(stage.begin("cam", setup(Against())), [occupied(0, 1), message, *feed(lambda t: RESTS, 5, ended=False)])
        assert state.calm.shown == ()


def faces(value: float, count: int = ENOUGH, width: int = 2) -> list[NDArray[np.float32]]:
    return [np.full(width, value, np.float32)] * count


def test_what_is_kept_is_bounded_and_what_teaches_goes_last() -> None:
    calm = Calm()
    for number in range(KEPT):
        calm = calm.keep(UUID(int=number), faces(number))
    calm = calm.answered(UUID(int=0), 5, painless=True)
    for number in range(KEPT, 2 * KEPT):
        calm = calm.keep(UUID(int=number), faces(number))
    assert len(calm.shown) == KEPT
    assert calm.shown[0].assessment == UUID(int=0)
    assert calm.answered(UUID(int=1), 6, painless=True).told(9) == (UUID(int=0),), "window 1 is gone"
    for number in range(2 * KEPT):
        calm = calm.answered(UUID(int=number), 6, painless=True)
    assert len(calm.keep(UUID(int=99), faces(9)).shown) == KEPT


def test_too_few_frames_are_not_kept_and_another_model_begins_anew() -> None:
    assert Calm().keep(UUID(int=1), faces(1, ENOUGH - 1)).shown == ()
    calm = Calm().add(faces(1, 30)).keep(UUID(int=1), faces(1)).answered(UUID(int=1), 1, painless=True)
    assert calm.keep(UUID(int=2), faces(1, width=3)).medians == ()
    assert calm.add(faces(1, width=3)).shown == ()


def test_few_calm_frames_count_for_nothing_beside_a_nurse_s_word() -> None:
    """Below `min_frames` what the windows taught is not trusted; her word is."""
    calm = Calm().add(faces(0, 3)).keep(UUID(int=1), faces(5)).answered(UUID(int=1), 1, painless=True)
    face = calm.face(25, 1)
    assert face is not None
    assert face.tolist() == [5, 5]


def test_any_split_and_any_snapshot_gives_the_same() -> None:
    """Also where the state went through bytes between the alert, the word and the window that it changes."""
    rest = feed(lambda t: RESTS, 40, ended=False)
    messages: list[stage.Input] = [occupied(0, 1), *rest[:90], said(0, 14), *rest[90:140], said(0, 24, painless=False), *rest[140:]]
    whole, events = stage.step(stage.begin("cam", setup(Against())), messages)
    assert [one.personal for one in assessments(events)] == [False] * 3 + [True] + [False] * 4
    state, parts = stage.begin("cam", setup(Against())), []
    for low, high in pairwise([0, 20, 89, 90, 91, 92, 120, 141, 142, 143, 180, len(messages)]):
        state, some = stage.step(load(dump(state), setup(Against())), messages[low:high])
        parts += some
    assert parts == events
    assert dump(state) == dump(whole)


def test_a_word_changes_what_the_windows_rest_on() -> None:
    """Folded without the word that the record knew of, a window has another basis: no alarm."""
    for message in ([occupied(0, 1)], []):
        state, _ = stage.step(stage.begin("cam", setup(Against())), [*message, *feed(lambda t: RESTS, 15, ended=False)])
        more = feed(lambda t: RESTS, 5, origin_s=15, ended=False)
        (_, one), (_, two) = (stage.step(state, [*known, *more]) for known in ([], [said(0, 14)]))
        assert assessments(one)[0].basis != assessments(two)[0].basis


def test_a_snapshot_from_before_is_read() -> None:
    state = begun()
    text = dump(state).decode()
    head, _, tail = text.partition(',"shown":')
    older = load((head + tail[tail.index("]]") + 2 :]).encode(), setup(Against()))
    assert (older.calm.shown, older.calm.frames, older.closed_until_us) == ((), state.calm.frames, state.closed_until_us)
    assert replace(older, calm=state.calm, setup=state.setup) is not state
    assert dump(replace(older, calm=state.calm)) == dump(state)


def test_not_finite_teaches_nothing() -> None:
    bad = np.array([np.nan, 1.0], np.float32)
    frames = [estimate(index * 200_000, RESTS, embedding=bad) for index in range(25)]
    state, _ = stage.step(stage.begin("cam", setup(Against())), [occupied(0, 1), *frames, estimate(5 * US, RESTS, embedding=bad)])
    assert state.calm.shown == ()
