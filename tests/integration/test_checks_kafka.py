"""What doctor says of Kafka: brokers, topics, their copies; none is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kafka_world import bus, kafka
from wince.bus.topics import ALL, TOPICS
from wince.errors import Unavailable
from wince.local import maven
from wince.local.kafka import KafkaPeer
from wince.serve.checks import kafka as check
from wince.serve.checks.finding import Finding, State
from wince.settings import Settings

pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started")]


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaPeer]:
    with kafka(Path(tmp_path_factory.mktemp("kafka")), 1) as made:
        yield made


def found(peer: KafkaPeer, **more: object) -> dict[str, Finding]:
    settings = Settings(kafka_bootstrap=peer.bootstrap, **more)  # type: ignore[arg-type]
    return {one.what: one for one in check.check(settings)}


def test_before_and_after_the_first_start(peer: KafkaPeer) -> None:
    """Topics that are missing are asked for without being made; one copy is named; more copies than brokers can't be."""
    first = found(peer)
    assert first["kafka"].found.startswith("1 brokers")
    assert first["kafka topics"].found == f"{len(TOPICS)} are made at the first start"
    assert found(peer) == first, "none was made"
    many = found(peer, kafka_replication=3)["kafka topics"]
    assert many.state is State.MISSING
    assert "kafka_replication" in many.remedy
    made = bus(peer)
    try:
        made.ensure_topics(ALL)
    finally:
        made.close()
    after = found(peer)["kafka topics"]
    assert after.state is State.WARNING
    assert "one copy" in after.found


def test_nobody_there() -> None:
    with pytest.raises(Unavailable):
        list(check.check(Settings(kafka_bootstrap="127.0.0.1:9")))


def test_without_kafka_there_is_nothing_to_say() -> None:
    assert list(check.check(Settings())) == []
