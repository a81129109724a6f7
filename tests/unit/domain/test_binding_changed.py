"""Where others lie after a change than before it; and what is not believed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.integration.record_world import BED, CAMERA, T0, US, stay
from wince.domain.binding import Doubt, changed, in_bed, who_during
from wince.domain.reason import Reason
from wince.domain.stay import Stay, Watch

WATCH = [Watch(CAMERA, BED, 0, None, 0)]
FROM = T0 - 3600 * US


def test_a_discharge_changes_what_comes_after_it() -> None:
    assert changed([stay()], [replace(stay(), end_us=T0)]) == [(BED, T0, None)]


def test_a_corrected_admission_changes_what_lies_between() -> None:
    assert changed([stay()], [stay(start_us=FROM - 600 * US)]) == [(BED, FROM - 600 * US, FROM)]


def test_a_row_that_is_better_known_changes_nothing() -> None:
    assert changed([stay()], [replace(stay(), ward="ICU", recorded_us=T0)]) == []


def test_a_transfer_changes_two_beds() -> None:
    other = "ICU^2^A"
    found = changed([stay()], [replace(stay(), end_us=T0), stay(bed=other, start_us=T0)])
    assert found == [(BED, T0, None), (other, T0, None)]


_ROWS = st.lists(
    st.builds(
        lambda visit, start, length: stay(f"V{visit}", start_us=start, end_us=None if length > 8 else start + length),
        st.integers(0, 2),
        st.integers(0, 9),
        st.integers(1, 9),
    ),
    max_size=4,
)


@given(_ROWS, _ROWS)
def test_what_it_leaves_out_is_as_before(before: list[Stay], after: list[Stay]) -> None:
    spans = changed(before, after)

    def lying(rows: list[Stay], at: int) -> set[str]:
        return {row.encounter.value for row in rows if row.start_us <= at and (row.end_us is None or at < row.end_us)}

    for at in range(25):
        assert any(low <= at and (high is None or at < high) for _, low, high in spans) == (lying(before, at) != lying(after, at))


def test_what_is_in_doubt_is_nobodys() -> None:
    doubt = Doubt(BED, T0 + 5 * US, T0 + 10 * US, "silent")
    assert isinstance(who_during(WATCH, [stay()], CAMERA, T0, T0 + 5 * US, T0, [doubt]), Stay)
    assert who_during(WATCH, [stay()], CAMERA, T0, T0 + 6 * US, T0, [doubt]) is Reason.DOUBTFUL
    assert who_during(WATCH, [stay()], CAMERA, T0 + 9 * US, T0 + 15 * US, T0, [doubt]) is Reason.DOUBTFUL
    assert isinstance(who_during(WATCH, [stay()], CAMERA, T0 + 10 * US, T0 + 15 * US, T0, [doubt]), Stay)
    assert isinstance(who_during(WATCH, [stay()], CAMERA, T0, T0 + 15 * US, T0, [replace(doubt, bed="ICU^9^A")]), Stay)


def test_a_doubt_of_every_bed_leaves_nobody_and_two_as_they_are() -> None:
    doubt = Doubt("", 0, None)
    assert in_bed([], BED, T0, T0, [doubt]) is Reason.NO_PATIENT
    assert in_bed([stay(), stay("V2")], BED, T0, T0, [doubt]) is Reason.TWO_PATIENTS
    assert in_bed([stay()], BED, T0, T0, [doubt]) is Reason.DOUBTFUL
