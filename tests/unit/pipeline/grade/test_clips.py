"""A clip over two stays is no number."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from tests.unit.pipeline.grade.feed import PROTOCOL, assessments, feed, setup
from wince.domain.frame import US
from wince.domain.reason import Reason
from wince.domain.stay import Identifier, Occupancy, Stay
from wince.pipeline.grade import stage
from wince.protocols.train_rules import Member

SEER = Member("seer", "bilstm", sees="clip", frames=10, rate_hz=5)
SEES_CLIPS = replace(PROTOCOL, estimate=replace(PROTOCOL.estimate, members=(SEER,)))


def stay(number, start_us):
    patient = Identifier("urn:test", f"p{number}")
    born = date(1930, 1, 1)
    return Stay(UUID(int=number), "A^1^1", patient, Identifier("urn:test", f"v{number}"), start_us, None, 0, birth_date=born)


def reasons(protocol, change_s):
    state = stage.begin("cam", setup(protocol=protocol))
    state, _ = stage.step(state, [Occupancy("cam", 0, stay(1, 0)), Occupancy("cam", round(change_s * US), stay(2, change_s * US))])
    _, events = stage.step(state, feed(lambda _: (1.0, 0.9, 0.0), 15))
    return [dict(one.reasons).get(Reason.GAP, 0) for one in assessments(events)]


def test_faces_soon_after_a_change_of_stay_have_no_number():
    """Ten faces, 1.9 s (with a camera's jitter a clip may reach back so far), in whichever window they lie; none without such members."""
    assert reasons(SEES_CLIPS, 5.0) == [10, 10, 0]  # the first patient's clips begin with the stay too
    assert reasons(SEES_CLIPS, 9.0) == [10, 5, 5]
    assert reasons(PROTOCOL, 5.0) == [0, 0, 0]


def test_without_a_census_every_clip_counts():
    _, events = stage.step(stage.begin("cam", setup(protocol=SEES_CLIPS)), feed(lambda _: (1.0, 0.9, 0.0), 10))
    assert [one.reason for one in assessments(events)] == [None, None]
