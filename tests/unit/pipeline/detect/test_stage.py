"""The detect fold: one Face per Frame, beats unchanged, whose face it is, and why not."""

import numpy as np

from tests.unit.pipeline.detect.fakes import LIMITS, Script, Someone, frame, landmarks
from wince.domain.face import Face
from wince.domain.frame import US, Beat
from wince.domain.reason import Reason
from wince.lab.corpus import draw
from wince.pipeline.detect import align
from wince.pipeline.detect.geometry import region_from_landmarks
from wince.pipeline.detect.interface import Cut
from wince.pipeline.detect.patient import Share
from wince.pipeline.detect.stage import SourceState, step

CUTS = [Cut(LIMITS)]


def play(script: Script, region: Share | None = None, grey: int = 120) -> list[Face]:
    _, events = step(SourceState(), [frame(i, grey=grey) for i in range(len(script.frames))], 0, script.models(), CUTS, region=region)
    assert all(isinstance(event, Face) for event in events)
    return [event for event in events if isinstance(event, Face)]


def reasons(faces: list[Face]) -> list[Reason | None]:
    return [face.reason for face in faces]


def test_one_face_a_frame_and_beats_pass_through_unchanged() -> None:
    script, beat = Script([[Someone(100)]] * 2), Beat("camera", US, 2, 0, 0)
    _, events = step(SourceState(), [frame(0), beat, frame(1)], 0, script.models(), CUTS)
    assert events[1] is beat
    first, last = events[0], events[2]
    assert isinstance(first, Face)
    assert isinstance(last, Face)
    assert (first.sequence, last.sequence, last.time_us) == (0, 1, 200_000)
    assert first.reason is None
    assert first.features is not None
    assert first.grey is not None
    assert (first.grey.shape, first.grey.dtype) == ((64, 64), np.uint8)
    assert first.crop[:2] == b"\xff\xd8"
    assert first.frame_size == (400, 300)


def test_a_crop_that_nobody_looks_at_is_not_encoded() -> None:
    faces = [
        step(SourceState(), [frame(0)], 0, Script([[Someone(100)]]).models(), [Cut(LIMITS, encoded=encoded)])[1][0]
        for encoded in (True, False)
    ]
    with_, without = faces
    assert isinstance(with_, Face)
    assert isinstance(without, Face)
    assert with_.crop
    assert without.crop == b""
    assert (without.reason, without.quality, without.pose) == (None, with_.quality, with_.pose)


def test_the_grey_region_is_cut_as_the_corpus_cuts_it_and_not_from_smoothed_points() -> None:
    faces = [[Someone(100)], [Someone(130)]]
    frames = [frame(0), frame(1)]
    frames[1].pixels[1:] = np.random.default_rng(1).integers(0, 256, frames[1].pixels[1:].shape)
    last = step(SourceState(), frames, 0, Script(faces).models(), CUTS)[1][-1]
    assert isinstance(last, Face)
    assert last.grey is not None
    assert last.grey.std() > 20
    assert (last.grey == align.grey(frames[1].pixels, region_from_landmarks(landmarks(faces[1][0])))).all()
    assert draw.grey is align.grey


def test_the_batch_s_cuts_do_not_matter() -> None:
    faces = [[Someone(100 + 5 * i, roll=4 * i)] for i in range(8)]
    whole = play(Script(faces))
    state, parts = SourceState(), []
    script = Script(faces)
    for i in range(8):
        state, events = step(state, [frame(i)], 0, script.models(), CUTS)
        parts += events
    at_once, in_parts = (
        [f.landmarks.tobytes() for f in faces if isinstance(f, Face) and f.landmarks is not None] for faces in (whole, parts)
    )
    assert at_once == in_parts
    assert len(set(at_once)) == 8


def test_nothing_seen_is_none_and_carries_no_numbers() -> None:
    face = play(Script([[]]))[0]
    assert (face.reason, face.seen, face.box, face.landmarks, face.pose, face.quality, face.features, face.crop) == (
        Reason.NONE, 0, None, None, None, None, None, b"",
    )  # fmt: skip


def test_in_a_black_picture_the_light_is_to_blame() -> None:
    assert reasons(play(Script([[]]), grey=5)) == [Reason.DARK]


def test_a_tracked_face_is_searched_for_once_a_second_only() -> None:
    script = Script([[Someone(100)]] * 11)
    assert set(reasons(play(script))) == {None}
    assert script.searches == 1 + 2


def test_a_proposal_that_the_mesh_does_not_confirm_is_no_face() -> None:
    assert reasons(play(Script([[Someone(100, presence=0.5)]]))) == [Reason.NONE]
    assert reasons(play(Script([[Someone(100, residual=0.2)]]))) == [Reason.NONE]


def test_a_face_that_leaves_is_none_and_is_known_when_it_returns() -> None:
    there, gone = [Someone(100)], list[Someone]()
    assert reasons(play(Script([there, there, gone, gone, there]))) == [None, None, Reason.NONE, Reason.NONE, None]


def test_a_visitor_never_takes_the_patient_s_place() -> None:
    both, visitor = [Someone(100), Someone(300)], [Someone(300)]
    faces = play(Script([[Someone(100)]] * 5 + [both] * 6 + [visitor] * 6))
    assert reasons(faces) == [None] * 11 + [Reason.NOT_PATIENT] * 6
    assert all(face.box[2] < 200 for face in faces[:11] if face.box is not None)
    assert faces[10].seen == 2


def test_two_alike_are_several_until_one_is_alone_for_long() -> None:
    both, one = [Someone(100), Someone(300)], [Someone(300)]
    found = reasons(play(Script([both] * 3 + [one] * 60)))
    assert found[:50] == [Reason.SEVERAL] * 50
    assert found[-1] is None


def test_the_bed_s_region_decides_between_two() -> None:
    faces = play(Script([[Someone(100), Someone(300)]] * 3), region=(0.5, 0, 1, 1))
    assert reasons(faces) == [None] * 3
    assert all(face.box is not None and face.box[0] > 200 for face in faces)


def test_a_face_outside_the_region_is_not_the_patient_s_even_when_tracked_there() -> None:
    walk = [[Someone(x)] for x in (300, 270, 240, 205, 190, 150)]
    assert reasons(play(Script(walk), region=(0.5, 0, 1, 1))) == [None] * 4 + [Reason.NOT_PATIENT] * 2


def test_limits_give_their_reasons_and_no_features() -> None:
    for someone, reason in (
        (Someone(100, yaw=50), Reason.TURNED), (Someone(100, roll=80), Reason.TURNED), (Someone(100, roll=-150), Reason.UPSIDE_DOWN),
        (Someone(100, side=20), Reason.SMALL), (Someone(10), Reason.COVERED), (Someone(-20), Reason.NONE),
    ):  # fmt: skip
        face = play(Script([[someone]]))[0]
        assert face.reason is reason
        assert face.features is None
        assert face.grey is None
        assert face.crop == b""
        assert (face.quality is None) == (reason is Reason.NONE)


def test_a_dark_face_is_dark_though_it_is_found() -> None:
    face = play(Script([[Someone(100)]]), grey=20)[0]
    assert face.reason is Reason.DARK
    assert face.quality is not None
    assert round(face.quality.brightness) == 20


def test_a_face_that_the_detector_no_longer_sees_is_given_up_after_four_searches() -> None:
    found = reasons(play(Script([[Someone(100)]] + [[Someone(100, detected=False)]] * 30)))
    assert found[:20] == [None] * 20
    assert found[20:] == [Reason.NONE] * 11


def test_a_gap_in_time_starts_a_new_search() -> None:
    script = Script([[Someone(100)], [Someone(130)]])
    _, events = step(SourceState(), [frame(0), frame(1, time_us=9 * US)], 0, script.models(), CUTS)
    assert [event.reason for event in events] == [None, None]
    assert script.searches >= 2


def resized(before: list[Someone], after: list[Someone], size: tuple[int, int], seconds: int = 2) -> list[Face]:
    """A second of `before` in pictures of 400 x 300, then `after` in those of another size."""
    script = Script([before] * 5 + [after] * 5 * seconds)
    frames = [frame(i, size=(400, 300) if i < 5 else size) for i in range(len(script.frames))]
    faces = step(SourceState(), frames, 0, script.models(), CUTS)[1]
    return [face for face in faces if isinstance(face, Face)]


def test_who_is_at_the_patient_s_pixels_of_a_smaller_picture_is_not_the_patient() -> None:
    patient, visitor = Someone(200, 300, 160), Someone(100, 150, 80)
    faces = resized([Someone(100, 150, 80)], [visitor, patient], (800, 600))
    assert reasons(faces) == [None] * 15
    assert all(face.box is not None and face.box[0] >= 110 for face in faces[5:]), "the patient's, twice as far from the corner"
    assert reasons(resized([Someone(100, 150, 80)], [visitor], (800, 600)))[5:] == [Reason.NOT_PATIENT] * 10


def test_a_face_is_followed_into_smaller_pictures_and_its_points_jump_with_them() -> None:
    faces = resized([Someone(100, 150, 80)], [Someone(50, 75, 40)], (200, 150))
    assert reasons(faces) == [None] * 15
    first = faces[5].landmarks
    assert first is not None
    assert np.array_equal(first, landmarks(Someone(50, 75, 40))), "nothing is smoothed over from the larger picture"


def test_in_pictures_of_another_shape_nobody_is_the_patient_until_one_was_alone_for_long() -> None:
    two = resized([Someone(100)], [Someone(100), Someone(300, 150, 140)], (400, 225), seconds=9)
    assert reasons(two)[5:] == [Reason.SEVERAL] * 45
    alone = reasons(resized([Someone(100)], [Someone(100)], (400, 225), seconds=12))
    assert alone[5:55] == [Reason.SEVERAL] * 50
    assert alone[55:] == [None] * 10


def test_the_rows_that_a_codec_pads_a_picture_with_are_no_other_shape() -> None:
    faces = resized([Someone(100)], [Someone(100)], (400, 302))
    assert reasons(faces) == [None] * 15
