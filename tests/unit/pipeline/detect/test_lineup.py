"""Numbers of faces: by first sight, left to right, and the same face keeps its number."""

from __future__ import annotations

import numpy as np

from tests.unit.pipeline.detect.fakes import LIMITS, Script, Someone, frame
from wince.domain.reason import Reason
from wince.pipeline.detect import lineup
from wince.pipeline.detect.interface import Cut
from wince.pipeline.detect.stage import SourceState, step

CUTS = [Cut(LIMITS)]


def play(script: Script) -> tuple[lineup.Lineup, list[SourceState]]:
    """The line-up after a script, and detect's state after each frame."""
    state, faces, states = SourceState(), (), []
    for index in range(len(script.frames)):
        state, _ = step(state, [frame(index)], 0, script.models(), CUTS)
        faces = lineup.seen(faces, state, frame(index))
        states.append(state)
    return faces, states


def test_faces_are_numbered_left_to_right_whatever_the_detector_s_order() -> None:
    faces, _ = play(Script([[Someone(280), Someone(80), Someone(200)]]))
    assert [(one.number, one.first_us) for one in faces] == [(1, 0), (2, 0), (3, 0)]
    assert [round((one.first[0] + one.first[2]) / 2, 1) for one in faces] == [0.2, 0.5, 0.7]


def test_who_comes_later_has_a_higher_number_and_a_face_that_moves_keeps_its_own() -> None:
    """The patient moves 5 px a frame; a visitor appears left of her and is seen at the next search."""
    script = Script([[Someone(200 + 5 * index), *([Someone(60)] if index > 4 else [])] for index in range(15)])
    faces, _ = play(script)
    assert [one.number for one in faces] == [1, 2]
    assert faces[0].first_us == 0
    assert 1_000_000 <= faces[1].first_us <= 2_200_000
    assert round(sum(faces[0].last[::2]) / 2 * 400) == 270
    assert round(sum(faces[1].last[::2]) / 2 * 400) == 60


def test_the_chosen_face_becomes_the_patient_s() -> None:
    """Where detect alone would not choose between two alike."""
    script = Script([[Someone(80), Someone(300)]] * 3)
    faces, states = play(script)
    assert states[-1].track is None
    assert lineup.chosen(faces, 3, states[-1], frame(2)) is None
    for number, x in ((1, 80), (2, 300)):
        state = lineup.chosen(faces, number, states[-1], frame(2))
        assert state is not None
        after, (face,) = step(state, [frame(2)], 0, script.models(), CUTS)
        assert face.reason is None  # type: ignore[union-attr]
        assert after.track is not None
        assert round(float(after.track.box[[0, 2]].mean())) == x


def test_what_is_withheld_carries_nothing_of_a_face() -> None:
    script = Script([[Someone(80)]])
    _, faces = step(SourceState(), [frame(0)], 0, script.models(), CUTS)
    (face,) = lineup.withheld(faces)  # type: ignore[arg-type]
    assert (face.reason, face.seen, face.crop) == (Reason.NOT_PATIENT, 1, b"")
    assert (face.landmarks, face.features, face.grey, face.box) == (None, None, None, None)
    _, nobody = step(SourceState(), [frame(0)], 0, Script([[]]).models(), CUTS)
    assert [one.reason for one in lineup.withheld(nobody)] == [Reason.NONE]  # type: ignore[arg-type]


def test_a_line_up_outlives_another_picture_size() -> None:
    """Places are kept as shares."""
    faces, _ = play(Script([[Someone(80), Someone(300)]]))
    larger = frame(1)
    pixels = np.zeros((600, 800, 3), np.uint8)
    boxes = (np.array([520, 220, 680, 380], np.float32), np.array([80, 220, 240, 380], np.float32))
    state = SourceState(searched_us=larger.time_us, boxes=boxes)
    again = lineup.seen(faces, state, type(larger)("camera", 1, larger.time_us, pixels))
    assert [one.number for one in again] == [1, 2]
