from uuid import uuid4

from wince.domain.stay import Identifier, Stay, Watch
from wince.hospital.occupancy import occupancies


def stay(visit, start, end, bed="A"):
    return Stay(uuid4(), bed, Identifier("u", f"P{visit}"), Identifier("u", visit), start, end, 0)


def changes(watches, stays, from_us):
    def lying(bed, start, end):
        return [s for s in stays if s.bed == bed and (s.end_us is None or s.end_us > start)]

    found = occupancies("cam", watches, lying, from_us)
    assert [o.at_us for o in found] == sorted({o.at_us for o in found})
    return [(o.at_us, "two" if o.ambiguous else o.stay and o.stay.encounter.value) for o in found]


ALWAYS = [Watch("cam", "A", 0, None, 0)]


def test_the_state_at_the_moment_then_each_change():
    stays = [stay("1", 10, 20), stay("2", 20, 30), stay("3", 25, None)]
    assert changes(ALWAYS, stays, 0) == [(0, None), (10, "1"), (20, "2"), (25, "two"), (30, "3")]
    assert changes(ALWAYS, stays, 22) == [(22, "2"), (25, "two"), (30, "3")]


def test_an_empty_bed_is_said_once():
    assert changes(ALWAYS, [], 7) == [(7, None)]
    assert changes(ALWAYS, [stay("1", 0, 5)], 7) == [(7, None)]


def test_a_camera_that_is_moved_shows_another_bed():
    watches = [Watch("cam", "A", 0, 15, 0), Watch("cam", "B", 15, None, 0), Watch("other", "B", 0, None, 0)]
    assert changes(watches, [stay("1", 0, None), stay("2", 0, None, "B")], 0) == [(0, "1"), (15, "2")]
