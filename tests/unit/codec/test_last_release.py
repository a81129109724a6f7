"""What the last release wrote is read as it was meant, and what is written now is read by a client that was built from its protos."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings

from tests.unit.codec import strategies
from tests.unit.codec.test_codec import CASES
from tests.unit.pipeline.grade.feed import Look, alerts, assessments, feed, play, setup
from wince.codec import SCHEMAS, decode, encode
from wince.domain.snapshot import Graded
from wince.pipeline.grade import stage

ROOT = Path(__file__).resolve().parents[3]
RELEASED = ROOT / "protos" / "released.binpb"
NEW = {"rule": ""}
"""Fields of our messages that the last release lacks, and what its messages mean by that."""


def of_last_release() -> DescriptorPool:
    """Its messages."""
    pool = DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(RELEASED.read_bytes()).file:
        pool.Add(file)  # type: ignore[no-untyped-call]
    return pool


POOL = of_last_release()


def rewritten(schema: str, body: bytes) -> bytes:
    """The same message as the last release would have written it."""
    old: Any = GetMessageClass(POOL.FindMessageTypeByName(schema)).FromString(body)
    old.DiscardUnknownFields()
    return bytes(old.SerializeToString(deterministic=True))


def text(item: Any) -> str:
    """A message of the domain, so that two can be compared; without what is new."""
    plain = {one.name: getattr(item, one.name) for one in dataclasses.fields(item)}
    if isinstance(plain.get("probabilities"), dict):  # a map of protobuf has no order
        plain["probabilities"] = sorted(plain["probabilities"].items())
    return repr({name: value for name, value in plain.items() if name not in NEW or type(item).__name__ != "Estimate"})


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=strategies.st.data())
def test_a_message_of_the_last_release_means_what_it_meant(name, data):
    item = data.draw(CASES[name])
    schema, body = encode(item)
    before = decode(schema, rewritten(schema, body))
    assert text(before) == text(item)
    if hasattr(before, "rule") and type(before).__name__ == "Estimate":
        assert before.rule == NEW["rule"]


def test_every_message_of_the_bus_and_the_store_is_known_to_it():
    for schema in SCHEMAS:
        assert POOL.FindMessageTypeByName(schema).full_name == schema


def test_a_snapshot_of_the_last_release_goes_on():
    """Its windows are read as they were, and its state, folded on, gives what a fold without the break gives."""
    graded = decode("wince.api.grade.v1.Graded", (ROOT / "tests/data/released/graded.binpb").read_bytes())
    assert isinstance(graded, Graded)
    assert graded.snapshot is not None
    assert [one.grade for one in graded.assessments] == [0, 0, 2]
    assert len(graded.alerts) == 1
    whole = feed(look, 27, origin_s=T0_S)
    seen = [one for one in whole if one.time_us < graded.snapshot.closed_until_us]
    rest = [one for one in whole if one.time_us >= graded.snapshot.closed_until_us]
    _, before = play(seen)
    state, after = play(rest, stage.load(graded.snapshot.state, setup()))
    assert assessments(after)[-1].id == assessments(play(whole)[1])[-1].id
    assert {one.id for one in assessments([*before, *after])} | {one.id for one in graded.assessments} == {
        one.id for one in assessments(play(whole)[1])
    }
    assert [one.id for one in alerts(after)] == [], "the alert of before is known"
    assert state.source == graded.source


T0_S = 1_770_000_000


def look(second: float) -> Look:
    """Calm for eight seconds, then not."""
    return (1.0, 0.9, 0.0) if second < T0_S + 8 else (9.0, 0.9, 0.0)
