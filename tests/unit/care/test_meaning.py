"""What people say of beds and encounters, as cameras see it."""

from dataclasses import replace
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from wince.care.meaning import pauses_of, segments, states_of
from wince.domain.care import BedPause, EncounterState, FaceState, PatientState, Pause
from wince.domain.stay import Identifier, Stay, Watch

BED, OTHER = "ICU^1^A", "ICU^2^A"
WHO = Identifier("urn:x", "V1")


def pause(start_us: int, end_us: int, bed: str = BED) -> BedPause:
    return BedPause(uuid4(), bed, start_us, end_us, None, "n")


def stay(start_us: int, end_us: int | None, bed: str = BED) -> Stay:
    return Stay(UUID(int=start_us), bed, Identifier("urn:m", "M1"), WHO, start_us, end_us, 0)


def watch(start_us: int, end_us: int | None = None, bed: str = BED, recorded_us: int = 0) -> Watch:
    return Watch("cam", bed, start_us, end_us, recorded_us)


def test_a_camera_that_moves_pauses_with_each_bed_for_its_time():
    moved = [watch(0), watch(100, None, OTHER, recorded_us=100)]
    assert segments(moved, "cam", 50, 150) == [(BED, 50, 100), (OTHER, 100, 150)]
    assert segments(moved, "cam", 0, None) == [(BED, 0, 100), (OTHER, 100, None)]
    assert pauses_of(moved, "cam", [pause(50, 150)]) == [Pause("cam", 50, 100)]
    assert pauses_of(moved, "cam", [pause(50, 150, OTHER)]) == [Pause("cam", 100, 150)]
    assert pauses_of(moved, "cam", [pause(50, 150, "ICU^9^Z")]) == []
    assert pauses_of(moved, "another", [pause(50, 150)]) == []


def test_what_was_told_of_a_pause_before_a_move_was_known_is_withdrawn():
    """The camera had moved away before the pause began; it came to the paused bed in the middle of the pause, and then earlier."""
    away = [watch(0), watch(40, None, OTHER, recorded_us=70)]
    assert pauses_of(away, "cam", [pause(50, 150)]) == [Pause("cam", 50, 50)]
    came = [watch(0, None, OTHER), watch(100, recorded_us=100), watch(80, recorded_us=120)]
    assert pauses_of(came, "cam", [pause(50, 150)]) == [Pause("cam", 80, 150), Pause("cam", 100, 100)]
    assert pauses_of(came[:2], "cam", [pause(50, 150)]) == [Pause("cam", 100, 150)]


def test_of_two_pauses_that_begin_together_the_longer_counts_and_one_that_ended_at_once_is_void():
    assert pauses_of([watch(0)], "cam", [pause(10, 20), pause(10, 90), pause(30, 40)]) == [Pause("cam", 10, 90), Pause("cam", 30, 40)]
    assert pauses_of([watch(0)], "cam", [pause(10, 10)]) == [Pause("cam", 10, 10)]


def test_a_state_goes_with_the_patient_and_ends_with_the_stay():
    said = [EncounterState("V1", FaceState.PARALYSED, 50, "n"), EncounterState("V1", None, 200, "n")]
    stays = [stay(0, 100), stay(100, None, OTHER)]
    cameras = [watch(0), replace(watch(0, None, OTHER), source="cam-2")]
    assert states_of(cameras, "cam", stays, said) == [PatientState("cam", 50, 100, False)]
    assert states_of(cameras, "cam-2", stays, said) == [PatientState("cam-2", 100, 200, False), PatientState("cam-2", 200, None, True)]
    assert states_of(cameras, "cam-2", stays, []) == []


def test_what_is_said_for_earlier_takes_the_place_of_what_was_said_for_later():
    said = [EncounterState("V1", None, 200, "n"), EncounterState("V1", FaceState.PALSY, 50, "n")]
    assert states_of([watch(0)], "cam", [stay(0, None)], said) == [PatientState("cam", 50, None, False)]


moments = st.integers(0, 40)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(moments, st.none() | moments, st.sampled_from([BED, OTHER]), moments), max_size=4),
    st.lists(st.tuples(moments, st.integers(1, 15), st.sampled_from([BED, OTHER])), max_size=4),
)
def test_a_camera_is_paused_at_a_moment_exactly_where_its_bed_is(rows, wanted):
    from wince.domain.binding import bed_of

    watches = [Watch("cam", bed, start, None if end is None else start + end, recorded) for start, end, bed, recorded in rows]
    pauses = [pause(start, start + length, bed) for start, length, bed in wanted]
    found = pauses_of(watches, "cam", pauses)
    for at in range(60):
        looks = bed_of(watches, "cam", at, 1 << 62)
        should = looks is not None and any(one.bed == looks.bed and one.start_us <= at < one.end_us for one in pauses)
        assert any(one.from_us <= at < one.until_us for one in found) == should
