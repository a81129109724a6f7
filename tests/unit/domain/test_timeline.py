"""The list of stretches answers what `who_during` answers."""

from hypothesis import given
from hypothesis import strategies as st

from tests.integration.record_world import CAMERA, stay
from wince.domain.binding import Doubt, who_during
from wince.domain.stay import Stay, Watch
from wince.domain.timeline import EVER_US, Timeline

BEDS = ("A", "B")
_AT = st.integers(0, 12)
_END = st.one_of(st.none(), st.integers(13, 25))
_STAYS = st.lists(
    st.builds(lambda v, a, e, b: stay(f"V{v}", start_us=a, end_us=e, bed=b), st.integers(0, 2), _AT, _END, st.sampled_from(BEDS)),
    max_size=4,
)
_WATCHES = st.lists(st.builds(lambda b, a, e, r: Watch(CAMERA, b, a, e, r), st.sampled_from(BEDS), _AT, _END, _AT), max_size=3)
_DOUBTS = st.lists(st.builds(Doubt, st.sampled_from(("", *BEDS)), _AT, _END), max_size=2)


@given(_WATCHES, _STAYS, _DOUBTS, _AT, st.integers(0, 12))
def test_it_answers_as_who_during(watches: list[Watch], stays: list[Stay], doubts: list[Doubt], start: int, length: int) -> None:
    found = Timeline(watches, stays, CAMERA, doubts).during(start, start + length)
    said = who_during(watches, stays, CAMERA, start, start + length, EVER_US, doubts)
    if isinstance(said, Stay):
        assert isinstance(found, Stay)
        assert (found.encounter, found.bed, found.patient) == (said.encounter, said.bed, said.patient)
    else:
        assert found is said
