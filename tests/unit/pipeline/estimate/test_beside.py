"""A scorer that fails costs its own protocol frames, not the other protocols theirs."""

from __future__ import annotations

import pytest

from tests.unit.pipeline.estimate.test_clips import Seers
from tests.unit.pipeline.estimate.test_stage import Numbers, face
from wince.domain.reason import Reason
from wince.errors import PeerError, Unavailable, WinceError
from wince.pipeline.estimate.beside import AGAIN_S, PATIENCE_S, Beside, beside
from wince.pipeline.estimate.interface import ClipScorer


class Frail(Numbers):
    """Raises `error` while there is one."""

    error: Exception | None = None

    def score(self, faces):
        scores = super().score(faces)
        if self.error is not None:
            raise self.error
        return scores


def reasons(scorer: Beside) -> list[Reason | None]:
    return [one.reason for one in scorer.score([face(1), face(2)])]


@pytest.mark.parametrize("error", [Unavailable("is away"), PeerError("answers nonsense")])
def test_who_does_not_answer_is_waited_for_a_while_and_then_left_alone(error):
    now = [100.0]
    inner = Frail()
    scorer = Beside("icu", inner, lambda: now[0])
    assert reasons(scorer) == [None, None]
    inner.error = error
    for now[0] in (200.0, 200.0 + PATIENCE_S - 0.1):
        with pytest.raises(type(error)):
            reasons(scorer)
        assert scorer.fault is None
    now[0] = 200.0 + PATIENCE_S
    assert reasons(scorer) == [Reason.GAP, Reason.GAP]
    assert scorer.fault is error
    asked = len(inner.calls)
    now[0] += AGAIN_S - 0.1
    assert reasons(scorer) == [Reason.GAP, Reason.GAP]
    assert len(inner.calls) == asked  # a server that hangs is not asked with every batch
    now[0] += 0.1
    assert reasons(scorer) == [Reason.GAP, Reason.GAP]
    assert len(inner.calls) == asked + 1
    inner.error = None
    now[0] += AGAIN_S
    assert reasons(scorer) == [None, None]
    assert scorer.fault is None
    inner.error = error
    with pytest.raises(type(error)):  # another absence is waited for anew
        reasons(scorer)


def test_a_fault_of_its_own_is_a_gap_at_once_and_its_text_is_not_told():
    inner = Frail()
    inner.error = RuntimeError("/srv/Erika Muster.onnx: bad node")
    scorer = Beside("icu", inner)
    assert reasons(scorer) == [Reason.GAP, Reason.GAP]
    assert isinstance(scorer.fault, WinceError)
    assert "Erika" not in str(scorer.fault)


def test_members_that_see_clips_are_asked_for_clips():
    assert not isinstance(beside("a", Numbers()), ClipScorer)
    seers = Seers()
    alone = beside("a", seers)
    assert isinstance(alone, ClipScorer)
    assert (alone.clip, alone.model_set) == (seers.clip, seers.model_set)
    assert len(alone.score_clips([face(1)], [[b""] * seers.clip.frames])) == 1
