"""Windows, grades, alerts and questions of one source."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.unit.pipeline.grade.feed import PROTOCOL, Look, alerts, assessments, estimate, feed, play, questions, setup
from wince.domain.care import PatientState, Pause
from wince.domain.estimate import Reading
from wince.domain.frame import US, Beat
from wince.domain.ids import assessment_id, make, site_namespace
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.errors import DataError, InputError
from wince.pipeline.grade import stage
from wince.pipeline.grade.closing import alert_limits
from wince.pipeline.grade.snapshot import dump, load

CALM: Look = (0.5, 0.9, 0.0)
LOW: Look = (3.0, 0.9, 0.0)
PAIN: Look = (8.0, 0.9, 0.0)
GRIN: Look = (7.0, 0.9, 0.9)
UNSURE: Look = (3.0, 0.2, 0.0)
looks = st.sampled_from([CALM, CALM, LOW, PAIN, PAIN, GRIN, UNSURE, Reason.DARK, Reason.NONE, None])


def occupied(at_s: float, number: int | None, born: date | None = date(1950, 1, 1)) -> Occupancy:
    if number is None:
        return Occupancy("cam", round(at_s * US), None)
    visit = Identifier("urn:visit", str(number))
    stay = Stay(make(site_namespace("test"), "stay", number), "A^1^1", Identifier("urn:mrn", str(number)), visit, 0, None, 0, None, born)
    return Occupancy("cam", round(at_s * US), stay)


class Against:
    """A personal model: the score is the distance from the calm face."""

    model_set = "p"

    def read(self, embeddings: NDArray[np.float32], calm: NDArray[np.float32]) -> list[Reading]:
        return [Reading(float(abs(row[0] - calm[0])), 0.9, np.zeros(6, np.float32), 0.0) for row in embeddings]

    def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.ones(len(embeddings), np.bool_)


def test_one_assessment_per_window() -> None:
    """12 s of a calm face: two whole windows and a partial one, closed by beats; ids by window start."""
    state, events = play(feed(lambda t: CALM, 12))
    found = assessments(events)
    assert [(a.start_us // US, a.end_us // US, a.grade_name, a.assessable_share) for a in found] == [
        (0, 5, "quiet", 1.0),
        (5, 10, "quiet", 1.0),
        (10, 12, "quiet", 1.0),
    ]
    assert found[1].id == assessment_id(site_namespace("test"), "cam", "activity", 5 * US)
    assert found[0].units == (0.125, None, 0.125, None, 0.125, 0.0)
    assert (found[0].median, found[0].peak, found[0].confidence, found[0].frames) == (0.5, 0.5, 0.9, 25)
    assert (found[0].model_set, found[0].rule) == ("m1", PROTOCOL.rule)
    assert state.closed_until_us == 15 * US


def test_a_frame_or_a_beat_closes_and_nothing_earlier_does() -> None:
    """A window is open until a message at or after its end is there, whichever kind it is."""
    messages = [m for m in feed(lambda t: CALM, 5, ended=False) if not isinstance(m, Beat)]
    state, events = play(messages)
    assert events == []
    assert len(assessments(stage.step(state, [estimate(5 * US, CALM)])[1])) == 1
    assert len(assessments(stage.step(state, [Beat("cam", 5 * US, 25, 0, 0)])[1])) == 1
    assert stage.step(state, [Beat("cam", 5 * US - 1, 25, 0, 0)])[1] == []


def test_pain_is_one_alert_per_episode() -> None:
    """Stable for a second: one alert, in its window, before its assessment; a new one only after the episode was over."""
    _, events = play(feed(lambda t: PAIN if 6 <= t < 13 or 14 <= t < 18 or 24 <= t < 27 else CALM, 30))
    found = alerts(events)
    assert [(a.start_us / US, a.end_us / US, a.grade_name, a.peak) for a in found] == [(6.0, 10.0, "high", 8.0), (24.0, 27.4, "high", 8.0)]
    windows = assessments(events)
    assert found[0].assessment == windows[1].id
    assert events.index(found[0]) < events.index(windows[1])
    assert [w.grade_name for w in windows] == ["quiet", "high", "high", "high", "quiet", "quiet"]
    assert len({a.id for a in found}) == 2


def test_a_spike_is_neither_grade_nor_peak() -> None:
    """Two frames of pain: no alert, and the peak is what three frames in a row held."""
    _, events = play(feed(lambda t: PAIN if 2 <= t < 2.4 else CALM, 5))
    assert alerts(events) == []
    assert (assessments(events)[0].grade, assessments(events)[0].peak) == (0, 0.5)


def test_pain_that_goes_on_is_not_alerted_twice_across_windows() -> None:
    _, events = play(feed(lambda t: PAIN, 60))
    assert len(alerts(events)) == 1


def test_pain_that_is_there_when_the_face_returns_alerts() -> None:
    """Out of sight for longer than the episode lasts: alerted anew."""
    _, events = play(feed(lambda t: Reason.NONE if 5 <= t < 10 else PAIN, 20))
    assert [a.start_us // US for a in alerts(events)] == [0, 10]


def test_unassessable_is_never_grade_zero() -> None:
    """Every reason of detect becomes the window's, without a number."""
    for reason in (Reason.NONE, Reason.DARK, Reason.COVERED, Reason.TURNED, Reason.SEVERAL):
        window = assessments(play(feed(lambda t, r=reason: r, 5))[1])[0]  # type: ignore[misc]
        assert (window.grade, window.median, window.peak, window.confidence, window.reason) == (None, None, None, None, reason)
        assert window.reasons == {reason: 25}
        assert window.grade_name == ""


def test_share_decides() -> None:
    """Half of the frames are enough at min_share .5, fewer aren't."""
    enough = assessments(play(feed(lambda t: Reason.DARK if t < 2.4 else CALM, 5))[1])[0]
    short = assessments(play(feed(lambda t: Reason.DARK if t < 2.6 else CALM, 5))[1])[0]
    assert (enough.grade, enough.assessable_share) == (0, 13 / 25)
    assert (short.grade, short.reason, short.assessable_share) == (None, Reason.DARK, 12 / 25)


def test_a_smile_with_pain_is_asked_never_zero() -> None:
    """CONFLICT; the nurse is asked once, no alert."""
    _, events = play(feed(lambda t: GRIN if t >= 2 else CALM, 20))
    assert alerts(events) == []
    assert [(q.reason, q.start_us // US, q.end_us / US) for q in questions(events)] == [(Reason.CONFLICT, 2, 4.0)]
    assert [w.reason for w in assessments(events)] == [Reason.CONFLICT] * 4


def test_unsure_is_asked_and_not_again_too_soon() -> None:
    """Two stretches within `repeat_after_s`: one question; a later one asks again."""
    _, events = play(feed(lambda t: UNSURE if t % 70 < 10 else CALM, 150))
    assert [(q.reason, q.start_us // US) for q in questions(events)] == [(Reason.UNCERTAIN, 0), (Reason.UNCERTAIN, 140)]


def test_a_long_stretch_without_a_grade_is_asked_about_once() -> None:
    _, events = play(feed(lambda t: Reason.NONE, 180))
    assert [(q.reason, q.start_us // US, q.end_us // US) for q in questions(events)] == [(Reason.NONE, 0, 60)]


def test_flapping_is_uncertain() -> None:
    """Enough frames but no grade ever stable: no grade is invented."""
    window = assessments(play(feed(lambda t: PAIN if round(t * 5) % 2 else CALM, 5))[1])[0]
    assert (window.grade, window.reason, window.assessable_share) == (None, Reason.UNCERTAIN, 1.0)


def test_not_measured_is_not_zero() -> None:
    """A NaN score is unsure, not quiet."""
    assert assessments(play(feed(lambda t: (math.nan, 0.9, 0.0), 5))[1])[0].reason is Reason.UNCERTAIN


def test_two_model_sets_in_a_window() -> None:
    messages = feed(lambda t: CALM, 3, ended=False) + feed(lambda t: CALM, 7, origin_s=3, models="m2")
    assert [(w.reason, w.model_set) for w in assessments(play(messages)[1])] == [(Reason.MODEL_CHANGE, ""), (None, "m2")]


def test_what_is_missing_has_its_reason() -> None:
    """Lost on the way, dropped, damaged, silent, slow: each by what the beats say."""

    def window(frames: int, beats: Sequence[Beat]) -> tuple[Reason | None, dict[Reason, int]]:
        messages: list[stage.Input] = sorted([*(estimate(i * 200_000, CALM) for i in range(frames)), *beats], key=lambda m: m.time_us)  # type: ignore[union-attr]
        found = assessments(play(messages)[1])[0]
        return found.reason, found.reasons

    def beats(*, frames: int = 0, dropped: int = 0, corrupt: int = 0, reason: Reason | None = None) -> list[Beat]:
        return [Beat("cam", (i + 1) * US, frames, dropped, corrupt, reason) for i in range(5)]

    assert window(0, beats(reason=Reason.NO_FRAME)) == (Reason.NO_FRAME, {Reason.NO_FRAME: 25})
    assert window(0, beats(corrupt=5, reason=Reason.CORRUPT)) == (Reason.CORRUPT, {Reason.CORRUPT: 25})
    assert window(5, beats(frames=5)) == (Reason.GAP, {Reason.GAP: 20})
    assert window(10, beats(frames=2, dropped=3)) == (Reason.GAP, {Reason.GAP: 15})
    assert window(10, beats(frames=2)) == (Reason.NO_FRAME, {Reason.NO_FRAME: 15})


def test_after_a_resume_the_hole_is_gap_windows() -> None:
    """Between the snapshot and the first new input: unassessable, gap, every window of it; no question about the past pain."""
    state, events = play(feed(lambda t: PAIN, 10, ended=False))
    resumed = load(dump(state), setup())
    _, after = stage.step(resumed, feed(lambda t: CALM, 5, origin_s=25))
    assert [(w.start_us // US, w.reason, w.frames) for w in assessments(after)] == [
        (10, Reason.GAP, 0),
        (15, Reason.GAP, 0),
        (20, Reason.GAP, 0),
        (25, None, 25),
    ]
    assert not {w.id for w in assessments(after)} & {w.id for w in assessments(events)}


def test_a_hole_of_years_is_bounded_and_counted() -> None:
    state, _ = play(feed(lambda t: CALM, 5, ended=False))
    state, events = stage.step(state, [Beat("cam", 10**15, 0, 0, 0)])
    assert len(events) == len(assessments(events)) == stage.MAX_GAPS + 2
    assert state.skipped == 10**15 // (5 * US) - 1 - len(events)
    assert state.closed_until_us == 10**15


def test_what_comes_twice_or_late_changes_nothing() -> None:
    messages = feed(lambda t: PAIN if t > 6 else CALM, 20)
    _, once = play(messages)
    _, twice = play([copy for message in messages for copy in (message, message)])
    state, _ = play(messages)
    assert once == twice
    assert stage.step(state, messages)[1] == []


def test_population() -> None:
    """A child, or an unknown age, before an adults' protocol: no grade, no alert; nobody said who: a plain file is graded."""
    for born in (date(1960, 1, 1), None):
        _, events = play([occupied(0, 1, born), *feed(lambda t: PAIN, 10)])
        wanted = [Reason.POPULATION] * 2
        assert [w.reason for w in assessments(events)] == wanted, "1970 is when these windows are"
        assert not alerts(events)
        assert not questions(events)
    _, events = play([occupied(0, 1, date(1950, 1, 1)), *feed(lambda t: PAIN, 10)])
    assert [w.reason for w in assessments(events)] == [None, None]


def test_people_decide_first() -> None:
    """Not assessable by face: patient. A pause: paused, ends by itself. Both without alert or question."""
    _, events = play([PatientState("cam", 6 * US, 12 * US, False), Pause("cam", 15 * US, 16 * US), *feed(lambda t: PAIN, 25)])
    assert [w.reason for w in assessments(events)] == [None, Reason.PATIENT, Reason.PATIENT, Reason.PAUSED, None]
    assert [a.start_us // US for a in alerts(events)] == [0, 20]
    _, events = play([PatientState("cam", 0, None, False), PatientState("cam", 10 * US, None, True), *feed(lambda t: CALM, 15)])
    assert [w.reason for w in assessments(events)] == [Reason.PATIENT, Reason.PATIENT, None]


def test_another_patient_begins_anew() -> None:
    """A stay change ends alert episode and patient state, and voids the calm face."""
    start = [occupied(0, 1), PatientState("cam", 0, None, False), occupied(5, 2)]
    _, events = play([*start, *feed(lambda t: PAIN, 10)])
    assert [w.reason for w in assessments(events)] == [Reason.PATIENT, None]
    _, events = play([occupied(0, 1), occupied(7, 2), *feed(lambda t: PAIN, 15)])
    assert [a.start_us // US for a in alerts(events)] == [0, 7]


def test_the_calm_face_is_learned_used_and_void() -> None:
    """A resting face that scores 1.5: pain of 1.5 + 3 reads 3 against it, after 25 calm frames and from a window's begin on; the
    next patient has no calm face yet."""
    look = lambda t: (1.5, 0.9, 0.0) if t < 10 else (4.5, 0.9, 0.0)  # noqa: E731
    state = stage.begin("cam", setup(Against()))
    state, events = stage.step(state, [occupied(0, 1), *feed(look, 15, ended=False)])
    assert [(w.personal, w.grade) for w in assessments(events)] == [(False, 0), (True, 0), (True, 1)]
    assert state.calm.frames == 50
    state, events = stage.step(state, [occupied(15, 2), *feed(look, 5, origin_s=15)])
    assert [(w.personal, w.grade) for w in assessments(events)] == [(False, 2)]
    assert state.calm.frames == 0


def test_pain_at_admission_is_not_the_calm_face() -> None:
    """A patient who comes in pain: no calm face until there was a calm stretch."""
    state, _ = stage.step(stage.begin("cam", setup(Against())), feed(lambda t: PAIN if t < 30 else CALM, 40, ended=False))
    face = state.calm.face(25, 40 * US)
    assert state.calm.frames == 50
    assert face is not None
    assert face.tolist() == [0.5, 1.0]


def test_only_a_face_at_rest_teaches_the_calm_face() -> None:
    """A yawn scores as low as a calm face; the personal model knows that it isn't one."""

    class Awake(Against):
        def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
            return embeddings[:, 0] < 1.0

    state, _ = stage.step(stage.begin("cam", setup(Awake())), feed(lambda t: (1.5, 0.9, 0.0) if t < 20 else CALM, 30, ended=False))
    face = state.calm.face(25, 40 * US)
    assert state.calm.frames == 50
    assert face is not None
    assert face.tolist() == [0.5, 1.0]


def test_wrong_source_and_foreign_snapshots_are_named() -> None:
    with pytest.raises(InputError):
        play([Beat("other", US, 0, 0, 0)])
    state, _ = play(feed(lambda t: CALM, 5))
    for blob in (b"", b"[]", b"{}", dump(state).replace(b'"version":1', b'"version":2'), dump(state).replace(b'"activity"', b'"icu"')):
        with pytest.raises(DataError):
            load(blob, setup())


def test_changed_rules_begin_runs_anew_and_keep_the_calm_face() -> None:
    state, _ = stage.step(stage.begin("cam", setup(Against())), [occupied(0, 1), *feed(lambda t: CALM, 10, ended=False)])
    other = load(dump(state), setup(Against(), replace(PROTOCOL, rule="other")))
    assert other.run.label.held is None
    assert (other.calm.frames, other.closed_until_us) == (state.calm.frames, 10 * US)


def test_alert_grade_is_an_index() -> None:
    assert alert_limits(PROTOCOL).grade == 2


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(looks, st.integers(1, 12)), min_size=1, max_size=25),
    st.lists(st.integers(0, 400), max_size=6),
    st.lists(st.integers(0, 400), max_size=2),
)
def test_any_split_gives_the_same(stretches: list[tuple[Look, int]], cuts: list[int], dumps: list[int]) -> None:
    """However the input is cut into batches, and wherever the state goes through bytes: same events, same ids, same state."""
    frames = [look for look, count in stretches for _ in range(count)]
    messages: list[stage.Input] = [occupied(0, 1), *feed(lambda t: frames[min(len(frames) - 1, round(t * 5))], len(frames) / 5)]
    messages.insert(len(messages) // 2, occupied(len(frames) / 10, 2))
    whole, events = stage.step(stage.begin("cam", setup(Against())), messages)
    state, parts = stage.begin("cam", setup(Against())), []
    edges = sorted({0, len(messages), *(min(cut, len(messages)) for cut in [*cuts, *dumps])})
    for low, high in pairwise(edges):
        state, some = stage.step(state, messages[low:high])
        parts += some
        if high in dumps:
            state = load(dump(state), setup(Against()))
    assert parts == events
    assert dump(state) == dump(whole)
    windows = assessments(events)
    assert [w.start_us for w in windows] == sorted({w.start_us for w in windows}), "each window once, in order"
    assert all((w.grade is None) == (w.reason is not None) == (w.median is None) == (w.peak is None) for w in windows)
    assert {e.assessment for e in [*alerts(events), *questions(events)]} <= {w.id for w in windows}


def test_cost_per_frame() -> None:
    """Ten minutes of frames in far less than a tenth of a millisecond each (about 20 us alone on a core), in bounded state."""
    messages = feed(lambda t: PAIN if t % 60 < 5 else CALM, 600)
    begun = time.perf_counter()
    state, _ = stage.step(stage.begin("cam", setup(Against())), messages)
    assert (time.perf_counter() - begun) / 3000 < 500e-6
    assert len(dump(state)) < 20_000
