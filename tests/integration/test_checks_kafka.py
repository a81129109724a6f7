"""What doctor says of Kafka: brokers, topics, their copies; none is made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from tests.integration.kafka_world import bus, kafka
from wince.bus.kafka_options import KafkaOptions
from wince.bus.names import Names
from wince.bus.topics import ALL, FACES, TOPICS, dead_letters
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


def test_a_topic_that_keeps_faces_for_longer_is_named(peer: KafkaPeer) -> None:
    """Somebody made it, or changed it, with a user whom Wince's may not overrule: crops would rest for a week."""
    made = bus(peer)
    admin = KafkaOptions(peer.bootstrap).admin()
    try:
        made.ensure_topics(ALL)
        assert found(peer)["kafka retention"].state is State.OK
        for change in ({"retention.ms": "604800000"}, {"retention.ms": "-1"}, {"segment.ms": "604800000"}, {"cleanup.policy": "compact"}):
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, dead_letters(FACES), change)])
            wrong = found(peer)["kafka retention"]
            assert wrong.state is State.MISSING
            assert wrong.found.endswith("wince.faces.v1.dlq (crops of patients' faces)")
            made.ensure_topics(ALL)
        assert found(peer)["kafka retention"].state is State.OK
    finally:
        admin.close()
        made.close()


class SlowBroker:
    """Answers as a broker that looks for old records once an hour."""

    def describe_configs(self, asked: list[ConfigResource], config_filter: str) -> dict[str, Any]:
        if asked[0].resource_type == ConfigResourceType.BROKER:
            return {"broker": {"1": {"log.retention.check.interval.ms": {"value": "3600000"}}}}
        return {"topic": {one.name: {key: {"value": value} for key, value in TOPICS[one.name].configs().items()} for one in asked}}


def test_a_broker_that_seldom_looks_is_named() -> None:
    """Retention and segments may be as they should: nothing goes before the broker looks."""
    (said,) = check._kept(SlowBroker(), [FACES], 1, Names())
    assert said.state is State.WARNING
    assert "every 60 minutes" in said.found


def test_nobody_there() -> None:
    with pytest.raises(Unavailable):
        list(check.check(Settings(kafka_bootstrap="127.0.0.1:9")))


def test_without_kafka_there_is_nothing_to_say() -> None:
    assert list(check.check(Settings())) == []
