"""Films with a fault in how they are written are graded as if they had none, or say what is missing; never a wrong number silently.

Each is made of a bundled clip: bed1 is calm, in pain from 6.3 to 15.5 s, and calm again; bed2 is never in pain.
"""

from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.films import assess, mux, packets, pictures, put, timed
from tests.unit.pipeline.capture.clips import with_matrix
from wince.assess.result import ClipResult
from wince.domain.reason import Reason
from wince.testing import clips


@cache
def reference() -> ClipResult:
    """bed1 as it ships."""
    return assess(clips.clip("bed1"))


def same(film: ClipResult, wanted: ClipResult) -> None:
    """The same grades for as long, the same alert, and the whole of it assessable."""
    assert film.assessable_share > 0.985
    assert film.duration_s == pytest.approx(wanted.duration_s, abs=0.15)
    for grade, seconds in wanted.plain.seconds.items():
        assert film.plain.seconds.get(grade, 0.0) == pytest.approx(seconds, abs=0.65)
    assert [one.start_us / 1e6 for one in film.alerts] == pytest.approx([one.start_us / 1e6 for one in wanted.alerts], abs=0.45)


def test_the_reference_has_something_to_lose() -> None:
    """Calm and high, and an alert; so that what follows can fail."""
    whole = reference()
    assert len(whole.alerts) == 1
    assert whole.plain.seconds["quiet"] > 5
    assert sum(seconds for grade, seconds in whole.plain.seconds.items() if grade != "quiet") > 5


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> ClipResult:
    """A quiet patient in pictures of 640 x 480, then of 1280 x 960; where her pixels were somebody in pain stands then."""
    patient, visitor = pictures("bed2", 0, 6), pictures("bed1", 8, 14)
    small, large = np.full((480, 640, 3), 128, np.uint8), np.full((960, 1280, 3), 128, np.uint8)
    first = [put(small, one, 300, 220, 320, 240) for one in patient]
    second = [put(put(large, one, 600, 440, 640, 480), other, 280, 200, 320, 240) for one, other in zip(patient, visitor, strict=True)]
    film = [*packets(first), *packets(second)]
    return assess(mux(tmp_path_factory.mktemp("swap") / "a.ts", timed(film)))


def test_a_visitor_at_the_pixels_of_a_smaller_picture_is_not_charted_as_the_patient(swapped: ClipResult) -> None:
    assert swapped.faces == 2
    assert swapped.alerts == ()
    assert swapped.plain.grade_name == "quiet"
    scores = [one.score for one in swapped.frames if one.score is not None]
    assert max(scores) < 3, "the visitor's are above 8"
    assert {one.reason for one in swapped.frames} <= {None, Reason.SEVERAL, Reason.NOT_PATIENT, Reason.CONFLICT}


def test_the_patient_is_still_graded_in_the_larger_pictures(swapped: ClipResult) -> None:
    assert sum(one.assessable for one in swapped.frames if one.time_s >= 6.5) >= 25


def test_a_mirrored_face_is_a_face(tmp_path: Path) -> None:
    mirrored = [np.ascontiguousarray(one[:, ::-1]) for one in pictures("bed1")]
    same(assess(with_matrix(mux(tmp_path / "a.mp4", timed(packets(mirrored))), -1, 0, 0, 1)), reference())


def test_the_pixels_change_their_shape_on_the_way(tmp_path: Path) -> None:
    """As a camera that halves its columns under load."""
    shown = pictures("bed1")
    halved = [np.asarray(cv2.resize(one, (320, 480), interpolation=cv2.INTER_AREA), np.uint8) for one in shown[80:]]
    film = [*packets(shown[:80], aspect=Fraction(1)), *packets(halved, aspect=Fraction(2))]
    same(assess(mux(tmp_path / "a.ts", timed(film))), reference())


@pytest.mark.parametrize("begin_s", [8, 3600])
@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_clock_that_starts_above_zero_is_where_the_film_begins(tmp_path: Path, name: str, begin_s: int) -> None:
    """What a segmenter cuts out of a day; Matroska declares the end then, not the length."""
    film = mux(tmp_path / name, timed(packets(pictures("bed1")), lambda number: begin_s * 1000 + number * 100))
    done = assess(film)
    same(done, reference())
    assert done.notes == reference().notes


def test_a_segment_is_whole(tmp_path: Path) -> None:
    film = mux(tmp_path / "a.mkv", timed(packets(pictures("bed1", 8, 16)), lambda number: 8000 + number * 100))
    done = assess(film)
    assert (done.duration_s, done.assessable_share, len(done.frames)) == (pytest.approx(8, abs=0.01), 1.0, 40)
    assert done.reasons == {}


def test_timestamps_that_begin_again_lose_nothing_and_it_is_told(tmp_path: Path) -> None:
    """Two halves glued together, as recorders do that begin a file anew."""
    shown = packets(pictures("bed1"))
    halves = [mux(tmp_path / name, timed(part)) for name, part in (("1.ts", shown[:110]), ("2.ts", shown[110:]))]
    (tmp_path / "a.ts").write_bytes(b"".join(half.read_bytes() for half in halves))
    done = assess(tmp_path / "a.ts")
    same(done, reference())
    assert any("timestamps begin again (1 x, first at 1" in note for note in done.notes)


def test_timestamps_that_stand_still_are_not_one_frame(tmp_path: Path) -> None:
    done = assess(mux(tmp_path / "a.mkv", timed(packets(pictures("bed1")), lambda _: 0)))
    same(done, reference())
    assert any("218 pictures stand still" in note and "10 a second" in note for note in done.notes)


def test_pictures_that_fall_into_time_that_was_over_lower_the_share(tmp_path: Path) -> None:
    """Each second steps back by 0.2 s: what was not sampled is said, and isn't assessable."""
    whole = mux(tmp_path / "whole.mkv", timed(packets(pictures("bed2"))))
    film = timed(packets(pictures("bed2")), lambda number: number // 10 * 800 + number % 10 * 100)
    done = assess(mux(tmp_path / "a.mkv", film, decoded_ms=lambda number: number))
    assert assess(whole).assessable_share > 0.98
    assert done.assessable_share < 0.9
    assert done.reasons[Reason.GAP] >= 15
    assert any("fell into time that was over" in note for note in done.notes)
