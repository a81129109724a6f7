"""What hypothesis draws of, and the window of a moment."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.integration.record_world import window as window_of
from wince.domain.assessment import Assessment
from wince.domain.ids import assessment_id, site_namespace

from .feed import FORMS, Habits
from .hospital import HOUR, MINUTE, SECOND, Event

BEDS = ("ICU^1^A", "ICU^2^A", "ICU^3^A", "ED^1^A", "ICU^1^A^SOUTH")
WATCHED = BEDS[:3]
SOURCES = ("cam-1", "cam-2", "cam-3")
TOGETHER_US = 120 * SECOND
"""Two entries of one visit so close keep their order on the wire."""
ZONES = {"UTC": "2026-11-02T08:00", "Europe/Berlin": "2026-10-24T20:00", "America/New_York": "2026-11-01T01:00"}
SITE = site_namespace("storm")

beds = st.sampled_from(BEDS)
index = st.integers(0, 7)
lates = st.sampled_from([False, False, False, True])
backs = st.sampled_from([0, 0, 0, 40 * SECOND, 7 * MINUTE, 50 * MINUTE, 3 * HOUR])
waits = st.sampled_from([3 * SECOND, 20 * SECOND, 2 * MINUTE, 11 * MINUTE, 45 * MINUTE, 2 * HOUR, 26 * HOUR])
habits = st.builds(
    Habits,
    zone=st.sampled_from(sorted(ZONES)),
    local=st.booleans(),
    minutes=st.booleans(),
    occurred=st.sampled_from(["needed", "always", "visit"]),
    visit_times=st.booleans(),
    facility=st.sampled_from(["", "HOSP"]),
    numbers=st.sampled_from(range(len(FORMS))),
    version=st.sampled_from(["2.3", "2.4", "2.5.1", "2.8"]),
    account=st.sampled_from([False, False, True]),
    recounts=st.booleans(),
)


@dataclass(eq=False)
class Letter:
    """A message on its way."""

    event: Event
    text: str
    delivered: bool = False


def window_at(source: str, start: int, grade: int | None) -> Assessment:
    made = window_of(0, grade, source=source)
    return replace(made, id=assessment_id(SITE, source, "activity", start), start_us=start, end_us=start + 5 * SECOND)
