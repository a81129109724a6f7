"""Several protocols read the same faces, each by its own scorer."""

from dataclasses import replace

import pytest

from tests.unit.pipeline.estimate.test_clips import Seers
from tests.unit.pipeline.estimate.test_stage import Numbers, face
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.errors import Unavailable
from wince.pipeline.estimate import readers
from wince.pipeline.estimate.readers import Reader


def test_a_face_is_read_for_each_of_its_protocols_and_a_beat_passes_once():
    """In the order of the faces; a face without a protocol is the first reader's, one of a protocol that nobody reads gives nothing."""
    first, second, beat = Numbers(), Numbers(), Beat("cam", US, 2, 0, 0)
    both = [Reader("a", first, 10 * US), Reader("b", second, 10 * US)]
    batch = [
        replace(face(1), protocols=("a", "b")), face(2), beat, replace(face(3), protocols=("b",)),
        replace(face(4, reason=Reason.DARK), protocols=("b", "a")), replace(face(5), protocols=("gone",)),
    ]  # fmt: skip
    states, out = readers.step({}, batch, 0, both)
    said = [[(one.protocol, one.sequence, one.reason) if isinstance(one, Estimate) else one for one in several] for several in out]
    assert said == [
        [("a", 1, None), ("b", 1, None)], [("a", 2, None)], [beat], [("b", 3, None)],
        [("a", 4, Reason.DARK), ("b", 4, Reason.DARK)], [],
    ]  # fmt: skip
    assert (first.calls, second.calls) == ([[1, 2]], [[1, 3]])
    assert {name: (state.scored, state.passed) for name, state in states.items()} == {"a": (2, 1), "b": (2, 1)}


def test_each_protocol_has_its_own_limit_of_age():
    readings = [Reader("a", Numbers(), US), Reader("b", Numbers(), 10 * US)]
    _, out = readers.step({}, [replace(face(1), protocols=("a", "b"))], 2 * US, readings)
    assert [one.reason for one in out[0] if isinstance(one, Estimate)] == [Reason.LATE, None]


def test_where_one_scorer_does_not_answer_nothing_was_done():
    """The same batch comes again, whole."""

    class Absent(Numbers):
        def score(self, _faces):
            raise Unavailable("is away", field="x", remedy="y")

    with pytest.raises(Unavailable):
        readers.step({}, [replace(face(1), protocols=("a", "b"))], 0, [Reader("a", Numbers(), US), Reader("b", Absent(), US)])


def test_clips_are_gathered_by_those_who_see_them():
    states, _ = readers.step({}, [replace(face(1), protocols=("a", "b"))], 0, [Reader("a", Numbers(), US), Reader("b", Seers(), US)])
    assert [bool(states[name].clips.sources) for name in ("a", "b")] == [False, True]
