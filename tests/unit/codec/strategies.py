"""Any message of the domain that keeps its documented ranges."""

import dataclasses
from datetime import date

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wince.codec.checks import MAX_SOURCE, MAX_TIME_US
from wince.domain.assessment import Alert, Assessment, Question, Verdict
from wince.domain.care import PatientState, Pause
from wince.domain.estimate import Estimate, Reading
from wince.domain.face import Face, Pose, Quality
from wince.domain.frame import Beat
from wince.domain.reason import Reason
from wince.domain.snapshot import Graded, Snapshot
from wince.domain.stay import Identifier, Occupancy, Stay

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=MAX_SOURCE)
words = st.text(st.characters(codec="utf-8"), max_size=40)
times = st.integers(0, MAX_TIME_US)
counts = st.integers(0, 2**64 - 1)
grades = st.integers(0, 2**32 - 1)
shares = st.floats(0, 1)
scores = st.floats(allow_nan=False, allow_infinity=False)
reasons = st.sampled_from(Reason)
angles = st.floats(-180, 180)
intervals = st.tuples(times, times).map(sorted)


def single(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32)


poses = st.builds(Pose, angles, angles, angles)
qualities = st.builds(Quality, st.floats(0, 1e6), st.floats(0, 255), st.floats(0, 1e9), shares, shares)
measured = st.tuples(*[st.none() | single(0, 5)] * 5, st.none() | single(0, 1))


@st.composite
def faces(draw: st.DrawFn) -> Face:
    reason = draw(st.none() | reasons)
    optional = st.just(None) if reason is not None and draw(st.booleans()) else None
    seed = np.random.default_rng(draw(st.integers(0, 1000)))
    box = hnp.arrays(np.float32, 4, elements=single(-1e6, 1e6))
    return Face(
        source=draw(names),
        sequence=draw(counts),
        time_us=draw(times),
        frame_size=(draw(st.integers(1, 2**32 - 1)), draw(st.integers(1, 2**32 - 1))),
        reason=reason,
        seen=draw(st.integers(0, 2**32 - 1)),
        box=draw(optional if optional is not None else box),
        landmarks=draw(st.none() | st.just(seed.normal(300, 90, (478, 3)).astype(np.float32))),
        pose=draw(st.none() | poses),
        quality=draw(st.none() | qualities),
        features=draw(st.none() | st.just(seed.normal(size=(128, 8, 8)).astype(np.float16))),
        crop=draw(st.binary(min_size=0 if reason is not None else 1, max_size=2000)),
        grey=draw(st.none() | st.just(seed.integers(0, 256, (64, 64)).astype(np.uint8))),
    )


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    reason = draw(st.none() | reasons)
    units = measured.map(lambda values: np.array(values, dtype=np.float32))
    reading = st.builds(Reading, scores, shares, units, shares)
    vectors = hnp.arrays(np.float32, st.integers(1, 64), elements=single(-(2.0**100), 2.0**100))
    return Estimate(
        source=draw(names),
        sequence=draw(counts),
        time_us=draw(times),
        reason=reason,
        reading=draw(reading if reason is None else st.none() | reading),
        probabilities=draw(st.dictionaries(words, st.lists(shares, max_size=5).map(tuple), max_size=3)),
        embedding=draw(st.none() | vectors),
        model_set=draw(words),
        pose=draw(st.none() | poses),
        protocol=draw(words),
    )


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    start_us, end_us = draw(intervals)
    reason = draw(st.none() | reasons)
    return Assessment(
        id=draw(st.uuids()),
        source=draw(names),
        protocol=draw(names),
        start_us=start_us,
        end_us=end_us,
        grade=draw(grades) if reason is None else None,
        grade_name=draw(words),
        median=draw(st.none() | scores),
        peak=draw(st.none() | scores),
        assessable_share=draw(shares),
        confidence=draw(st.none() | shares),
        reason=reason,
        frames=draw(counts),
        reasons=draw(st.dictionaries(reasons, st.integers(1, 2**64 - 1))),
        units=draw(st.just(()) | measured),
        personal=draw(st.booleans()),
        model_set=draw(words),
        rule=draw(words),
        shadow=draw(st.booleans()),
    )


@st.composite
def alerts(draw: st.DrawFn) -> Alert:
    start_us, end_us = draw(intervals)
    uuids = st.uuids()
    return Alert(draw(uuids), draw(uuids), draw(names), draw(names), start_us, end_us, draw(grades), draw(words), draw(scores))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    start_us, end_us = draw(intervals)
    return Question(draw(st.uuids()), draw(st.uuids()), draw(names), draw(names), start_us, end_us, draw(reasons))


@st.composite
def stays(draw: st.DrawFn) -> Stay:
    start_us, end_us = draw(intervals)
    identifiers = st.builds(Identifier, names, names)
    return Stay(
        id=draw(st.uuids()),
        bed=draw(names),
        patient=draw(identifiers),
        encounter=draw(identifiers),
        start_us=start_us,
        end_us=draw(st.sampled_from([None, end_us])),
        recorded_us=draw(times),
        superseded_us=draw(st.none() | times),
        birth_date=draw(st.none() | st.dates(date(1850, 1, 1))),
        ward=draw(words),
    )


@st.composite
def occupancies(draw: st.DrawFn) -> Occupancy:
    stay = draw(st.none() | stays())
    return Occupancy(draw(names), draw(times), stay, ambiguous=stay is None and draw(st.booleans()), bed=draw(words))


@st.composite
def pauses(draw: st.DrawFn) -> Pause:
    return Pause(draw(names), *draw(intervals))


@st.composite
def states(draw: st.DrawFn) -> PatientState:
    from_us, until_us = draw(intervals)
    return PatientState(draw(names), from_us, draw(st.sampled_from([None, until_us])), draw(st.booleans()))


beats = st.builds(Beat, names, times, counts, counts, counts, st.none() | reasons, st.booleans())
verdicts = st.builds(Verdict, st.uuids(), st.none() | st.uuids(), st.uuids(), names, st.none() | grades, times)
snapshots = st.builds(Snapshot, names, names, st.integers(1, 2**32 - 1), times, st.binary(min_size=1, max_size=5000))


@st.composite
def graded(draw: st.DrawFn) -> Graded:
    """Parts of one source."""
    source = draw(names)
    own = lambda part: dataclasses.replace(part, source=source)  # noqa: E731
    some = lambda strategy: st.lists(strategy.map(own), max_size=2).map(tuple)  # noqa: E731
    return Graded(source, draw(some(assessments())), draw(some(alerts())), draw(some(questions())), draw(st.none() | snapshots.map(own)))


messages = st.one_of(
    beats,
    faces(),
    estimates(),
    assessments(),
    alerts(),
    questions(),
    verdicts,
    pauses(),
    states(),
    stays(),
    occupancies(),
    snapshots,
    graded(),
)
