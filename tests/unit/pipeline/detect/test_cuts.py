"""One search for all protocols of a source; a face for each way in which they judge and cut it."""

from dataclasses import replace

import numpy as np
import pytest

from tests.unit.pipeline.detect.fakes import LIMITS, Script, Someone, frame
from wince.domain.face import Face
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.errors import ConfigError
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.stage import SourceState, step

STRICT = replace(LIMITS, max_yaw=10)
PADDED = replace(LIMITS, crop="padded")


class Counted(Script):
    """Counts the mesh's fits too."""

    fits = 0

    def fit(self, pixels, region):
        self.fits += 1
        return super().fit(pixels, region)


def play(limits: dict) -> tuple[list, Counted]:
    script = Counted([[Someone(100 + index, yaw=20)] for index in range(12)])
    frames = [frame(index) for index in range(12)]
    for one in frames:  # so that two crops of one picture differ
        one.pixels[1:] = np.random.default_rng(one.sequence).integers(0, 256, one.pixels[1:].shape)
    messages = [*frames, Beat("camera", 3 * US, 12, 0, 0)]
    _, events = step(SourceState(), messages, 0, script.models(), cuts(limits))
    return events, script


def test_protocols_that_want_the_same_share_a_face():
    """What people read, and what counts for whole clips only, makes no difference."""
    made = cuts({"a": LIMITS, "b": replace(LIMITS, filming="from the right", dim_share=0.5), "c": STRICT, "d": LIMITS})
    assert [(one.protocols, one.limits.max_yaw) for one in made] == [(("a", "b", "d"), 40), (("c",), 10)]


def test_a_frame_is_searched_once_whoever_looks():
    """As many searches and fits for three protocols as for one; the face of each, in their order, beside each other."""
    alone, one = play({"a": LIMITS})
    together, three = play({"a": LIMITS, "strict": STRICT, "padded": PADDED})
    assert (one.searches, one.fits) == (three.searches, three.fits) != (0, 0)
    faces = [event for event in together if isinstance(event, Face)]
    assert [face.protocols for face in faces[:3]] == [("a",), ("strict",), ("padded",)]
    assert [face.sequence for face in faces] == [index for index in range(12) for _ in range(3)]
    assert {face.reason for face in faces[::3]} == {None}
    assert {face.reason for face in faces[1::3]} == {Reason.TURNED}
    assert all(face.crop == other.crop for face, other in zip(faces[::3], alone, strict=False))
    assert all(face.crop != other.crop for face, other in zip(faces[2::3], alone, strict=False))
    assert [event for event in together if isinstance(event, Beat)] == [event for event in alone if isinstance(event, Beat)]


def test_where_there_is_no_face_each_says_so():
    _, events = step(SourceState(), [frame(0)], 0, Script([[]]).models(), cuts({"a": LIMITS, "strict": STRICT}))
    assert [(one.reason, one.protocols) for one in events] == [(Reason.NONE, ("a",)), (Reason.NONE, ("strict",))]


@pytest.mark.parametrize(
    ("key", "value"), [("rate_hz", 10.0), ("detector", "mtcnn"), ("full_range", False), ("search_every_s", 2.0), ("min_presence", 0.9)]
)
def test_protocols_that_search_differently_are_refused_by_name(key, value):
    with pytest.raises(ConfigError) as caught:
        cuts({"one": LIMITS, "other": replace(LIMITS, **{key: value})})
    assert "'one' and 'other'" in caught.value.message
    assert caught.value.field == f"detect.{key}"
    assert "different beds" in caught.value.remedy
