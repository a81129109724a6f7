"""Which crops are a clip: the nearest to each place, each once, whole or none."""

from hypothesis import given
from hypothesis import strategies as st

from wince.domain.clip import Clip, Kept, gather
from wince.domain.frame import US
from wince.domain.reason import Reason

CLIP = Clip(("m",), 4, 5.0)
STEP = 200_000


def kept(*times, **reasons):
    return [Kept(at, reasons.get(f"t{at}"), b"" if f"t{at}" in reasons else str(at).encode()) for at in times]


def test_lengths():
    assert (CLIP.step_us, CLIP.span_us, CLIP.reach_us, CLIP.before_us) == (STEP, 3 * STEP, 700_000, US)


def test_at_its_rate_a_clip_is_the_last_crops():
    assert gather(CLIP, kept(0, STEP, 2 * STEP, 3 * STEP, 4 * STEP)) == (b"200000", b"400000", b"600000", b"800000")


def test_a_faster_camera_is_thinned_and_jitter_does_no_harm():
    fast = kept(*range(0, 700_000, 40_000))
    assert gather(CLIP, fast) == (b"80000", b"280000", b"480000", b"680000")
    assert gather(CLIP, kept(60_000, 190_000, 440_000, 600_000)) == (b"60000", b"190000", b"440000", b"600000")


def test_what_is_missing_is_named_and_the_newest_speaks():
    assert gather(CLIP, kept(3 * STEP)) is Reason.GAP
    assert gather(CLIP, kept(0, STEP, 3 * STEP)) is Reason.GAP
    assert gather(CLIP, kept(0, STEP, 2 * STEP, 3 * STEP, t200000=Reason.TURNED)) is Reason.TURNED
    assert gather(CLIP, kept(0, 2 * STEP, 3 * STEP, t400000=Reason.DARK)) is Reason.DARK
    assert gather(CLIP, kept(STEP, 3 * STEP, t200000=Reason.DARK)) is Reason.GAP


def test_a_face_beside_one_that_can_t_be_assessed_takes_the_place():
    found = gather(CLIP, kept(0, STEP, 2 * STEP - 60_000, 2 * STEP, 3 * STEP, t400000=Reason.DARK))
    assert found == (b"0", b"200000", b"340000", b"600000")


def test_a_camera_that_is_too_slow_has_no_clips():
    assert gather(CLIP, kept(*range(0, 4 * US, 333_333))) is Reason.GAP


@given(st.lists(st.integers(0, 3 * US), min_size=1, max_size=60, unique=True))
def test_a_clip_is_whole_ascending_and_no_crop_stands_twice(times):
    found = gather(CLIP, kept(*sorted(times)))
    if not isinstance(found, Reason):
        assert len(found) == CLIP.frames == len(set(found))
        assert [int(one) for one in found] == sorted(int(one) for one in found)
        assert int(found[-1]) == max(times)
