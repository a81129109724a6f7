"""Who was where then, as known when."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from wince.domain.binding import covers, occupancies, overlaps, who, who_during
from wince.domain.ids import make, site_namespace
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Stay, Watch

SITE = site_namespace("test")
WATCH = [Watch("cam", "A^1^1", 0, None, 0)]
times = st.integers(0, 30)
ends = st.one_of(st.none(), times)


def stay(number: int, start: int, end: int | None, recorded: int = 0, superseded: int | None = None, bed: str = "A^1^1") -> Stay:
    visit = Identifier("urn:visit", str(number))
    return Stay(make(SITE, "stay", number, start), bed, Identifier("urn:mrn", str(number)), visit, start, end, recorded, superseded)


stays = st.lists(st.builds(stay, st.integers(1, 3), times, ends, times, ends), max_size=6)


def test_begin_is_in_and_end_is_out() -> None:
    one = stay(1, 10, 20)
    assert who(WATCH, [one], "cam", 10, 99) == one
    assert who(WATCH, [one], "cam", 20, 99) is Reason.NO_PATIENT
    assert who(WATCH, [one], "other", 10, 99) is Reason.NO_PATIENT


def test_two_claims_are_two_patients() -> None:
    assert who(WATCH, [stay(1, 0, None), stay(2, 5, None)], "cam", 6, 99) is Reason.TWO_PATIENTS
    assert who(WATCH, [stay(1, 0, 5), stay(2, 5, None)], "cam", 5, 99) == stay(2, 5, None)


def test_the_past_is_asked_as_it_was_known() -> None:
    """A cancelled admission was believed until the cancellation came."""
    one = stay(1, 0, None, recorded=5, superseded=50)
    assert who(WATCH, [one], "cam", 10, 4) is Reason.NO_PATIENT
    assert who(WATCH, [one], "cam", 10, 49) == one
    assert who(WATCH, [one], "cam", 10, 50) is Reason.NO_PATIENT


def test_a_camera_that_moved() -> None:
    """Watches have valid time too; the row recorded last counts."""
    watches = [*WATCH, Watch("cam", "B^1^1", 20, None, 7)]
    there, moved = stay(1, 0, None), stay(2, 0, None, bed="B^1^1")
    assert who(watches, [there, moved], "cam", 19, 99) == there
    assert who(watches, [there, moved], "cam", 20, 99) == moved
    assert who(watches, [there, moved], "cam", 20, 6) == there


def test_a_window_belongs_to_one_or_to_nobody() -> None:
    """Who came or went inside it: nobody's."""
    first, second = stay(1, 0, 12), stay(2, 12, None)
    assert who_during(WATCH, [first, second], "cam", 5, 10, 99) == first
    assert who_during(WATCH, [first, second], "cam", 10, 15, 99) is Reason.NO_PATIENT
    assert who_during(WATCH, [first, replace(second, start_us=8)], "cam", 5, 10, 99) is Reason.TWO_PATIENTS
    assert who_during(WATCH, [first], "cam", 10, 15, 99) is Reason.NO_PATIENT
    assert who_during(WATCH, [first, stay(1, 12, None)], "cam", 10, 15, 99) == first, "the same encounter goes on"


@given(stays, times, times)
def test_occupancies_say_the_same_as_who(rows: list[Stay], at: int, as_of: int) -> None:
    """The last step at or before a moment names who was there."""
    steps = occupancies(WATCH, rows, "cam", as_of)
    assert [step.at_us for step in steps] == sorted({step.at_us for step in steps})
    now = [step for step in steps if step.at_us <= at][-1]
    found = who(WATCH, rows, "cam", at, as_of)
    assert now.ambiguous == (found is Reason.TWO_PATIENTS)
    assert (now.stay.id if now.stay else None) == (found.id if isinstance(found, Stay) else None)


@given(stays, times, times, times)
def test_a_window_s_owner_was_there_at_every_moment(rows: list[Stay], start: int, length: int, as_of: int) -> None:
    owner = who_during(WATCH, rows, "cam", start, start + length + 1, as_of)
    for at in range(start, start + length + 1):
        found = who(WATCH, rows, "cam", at, as_of)
        if isinstance(owner, Stay):
            assert isinstance(found, Stay)
            assert (found.encounter, found.patient) == (owner.encounter, owner.patient)
    if owner is Reason.TWO_PATIENTS:
        assert any(who(WATCH, rows, "cam", at, as_of) is owner for at in range(start, start + length + 1))


@given(times, ends, times, ends)
def test_overlap_is_a_shared_moment(start: int, end: int | None, other: int, other_end: int | None) -> None:
    shared = any(covers(start, end, at) and covers(other, other_end, at) for at in range(32))
    assert overlaps(start, end, other, other_end) == shared == overlaps(other, other_end, start, end)
