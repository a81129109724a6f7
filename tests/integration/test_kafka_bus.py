"""What only Kafka can show: topics as topics.py says, crops gone after minutes, signing in, and what is said when nobody lets us in."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer
from kafka.admin import ConfigResource, ConfigResourceType

from tests.integration.kafka_world import bus, eventually, kafka
from tests.support.certificates import Authority
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.topics import ALL, FACES, PARTITIONS, TOPICS, oldest_ms
from wince.errors import ConfigError, MessageError, Refused, Unavailable
from wince.local import kafka_users
from wince.testing.peers import KafkaPeer

pytestmark = pytest.mark.peer
CHECK_S = 5


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaPeer]:
    with kafka(tmp_path_factory.mktemp("kafka"), 1, retention_check_s=CHECK_S, settings={"log.initial.task.delay.ms": "1000"}) as made:
        yield made


@pytest.fixture
def client(peer: KafkaPeer) -> Iterator[KafkaBus]:
    made = bus(peer)
    yield made
    made.close()


def settings(peer: KafkaPeer, name: str) -> dict[str, str]:
    admin = KafkaOptions(peer.bootstrap).admin()
    try:
        found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")["topic"][name]
        return {key: config["value"] for key, config in found.items()}
    finally:
        admin.close()


def test_topics_are_laid_out_as_the_file_says(peer: KafkaPeer, client: KafkaBus) -> None:
    """Every topic and its dead-letter topic, with partitions, retention, segment time and largest record."""
    client.ensure_topics(ALL)
    admin = KafkaOptions(peer.bootstrap).admin()
    described = {one["name"]: len(one["partitions"]) for one in admin.describe_topics(list(TOPICS))}
    admin.close()
    assert described == dict.fromkeys(TOPICS, PARTITIONS)
    for name, topic in TOPICS.items():
        assert topic.configs().items() <= settings(peer, name).items()


def test_a_topic_that_somebody_made_with_kafkas_defaults_is_brought_to_ours(peer: KafkaPeer, client: KafkaBus) -> None:
    """Or crops of faces would stay for a week."""
    client.ensure_topics([FACES])
    admin = KafkaOptions(peer.bootstrap).admin()
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, FACES, {"retention.ms": "604800000", "segment.ms": "604800000"})])
    admin.close()
    assert settings(peer, FACES)["retention.ms"] == "604800000"
    client.ensure_topics([FACES])
    assert TOPICS[FACES].configs().items() <= settings(peer, FACES).items()


def test_no_face_is_older_than_15_minutes_by_the_times_that_are_set() -> None:
    """Retention alone is not enough: a segment is deleted as a whole, and the broker looks now and then."""
    assert (oldest_ms(TOPICS[FACES]) or 0) < 15 * 60_000
    assert (oldest_ms(TOPICS[FACES + ".dlq"]) or 0) < 15 * 60_000


def test_read_from_the_start_nothing_is_older_than_was_promised(peer: KafkaPeer, client: KafkaBus) -> None:
    """The same topic with every time divided by 60: crops for half a minute, then somebody reads from the start. A producer whose clock
    is wrong keeps nothing alive: times are the broker's."""
    client.ensure_topics([FACES])
    topic = TOPICS[FACES]
    assert topic.retention_ms is not None
    scaled = {"retention.ms": str(topic.retention_ms // 60), "segment.ms": str(topic.segment_ms // 60)}
    admin = KafkaOptions(peer.bootstrap).admin()
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, FACES, scaled)])
        started = time.monotonic()
        while time.monotonic() - started < 20:
            client.publish(FACES, "camera-1", bytes(30_000)).result(30)
            time.sleep(0.1)
        promised_s = (topic.retention_ms + topic.segment_ms) / 60_000 + CHECK_S

        def oldest_s() -> float:
            consumer = KafkaConsumer(FACES, bootstrap_servers=peer.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=1500)
            times = [record.timestamp for record in consumer]
            consumer.close()
            return time.time() - min(times) / 1000 if times else 0.0

        assert eventually(lambda: oldest_s() <= promised_s + 5, 30)
        assert eventually(lambda: oldest_s() == 0, 60), "the last segment goes, too, though nobody writes any more"
    finally:
        admin.close()


def test_a_record_that_is_too_large_is_refused_alone(peer: KafkaPeer, client: KafkaBus) -> None:
    """By us where we know the bound; by the broker where it has a smaller one: those before and behind it arrive, in order."""
    with pytest.raises(MessageError):
        client.publish(FACES, "camera-1", bytes(100 << 20))
    with pytest.raises(MessageError):
        client.publish(FACES, "camera-1", bytes(1100 << 10))
    client.ensure_topics(["test.small.v1"])
    admin = KafkaOptions(peer.bootstrap).admin()
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "test.small.v1", {"max.message.bytes": "50000"})])
    admin.close()
    assert eventually(lambda: settings(peer, "test.small.v1")["max.message.bytes"] == "50000"), "a busy broker takes its time"
    futures = [client.publish("test.small.v1", "a", str(n).encode().ljust(60_000 if n == 7 else 100)) for n in range(20)]
    assert [n for n, future in enumerate(futures) if future.exception(60)] == [7]
    assert isinstance(futures[7].exception(), MessageError)
    came: list[int] = []
    client.consume(["test.small.v1"], "g", lambda records: came.extend(int(record.value) for record in records))
    assert eventually(lambda: 19 in came)
    assert list(dict.fromkeys(came)) == [n for n in range(20) if n != 7]


def test_signing_in_and_every_way_not_to(tmp_path: Path) -> None:
    """SCRAM over TLS works. A wrong password and a mechanism that the user has no password for are named; another authority, no TLS and
    nobody there give one error that names the causes."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    certificate, key = ours.issue("127.0.0.1")
    both = tmp_path / "server.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes() + ours.file.read_bytes())
    with kafka(tmp_path / "kafka", 1, tls_pem=both, closed=True) as peer:
        right = kafka_users.admit(peer.administrator())["detect"]

        def options(password: str = right, ca_file: Path = ours.file, connect_s: float = 3, **more: str) -> KafkaOptions:
            return KafkaOptions(peer.bootstrap, "scram", "wince-detect", password, ca_file, connect_s=connect_s, **more)  # type: ignore[arg-type]

        client = KafkaBus(options(connect_s=30), "detect")
        client.publish(FACES, "a", b"1").result(30)
        client.close()
        for one in (options(password="secret-2"), options(mechanism="SCRAM-SHA-256")):
            with pytest.raises(Refused) as refused:
                KafkaBus(one)
            assert "user or password is wrong" in refused.value.message
            assert "secret" not in refused.value.diagnostics()
            assert "secret" not in repr(one)
        wrong = [options(ca_file=other.file), KafkaOptions(peer.bootstrap, connect_s=3)]
        for one in [*wrong, KafkaOptions("127.0.0.1:1", connect_s=2)]:
            with pytest.raises(Unavailable) as caught:
                KafkaBus(one)
            assert "no broker runs there" in caught.value.remedy
            assert "password" in caught.value.remedy
            assert "TLS" in caught.value.remedy


def test_options_that_can_not_be_meant(tmp_path: Path) -> None:
    """Plaintext beyond this machine needs its name said; a certificate needs its key; a password needs scram."""
    for wrong in (
        {"bootstrap": "kafka.example:9092"},
        {"bootstrap": ""},
        {"bootstrap": "127.0.0.1"},
        {"bootstrap": "127.0.0.1:9092", "security": "scram"},
        {"bootstrap": "kafka.example:9092", "security": "scram-plaintext", "user": "x", "password": "y"},
        {"bootstrap": "127.0.0.1:9092", "user": "x", "password": "y"},
        {"bootstrap": "127.0.0.1:9092", "security": "tls", "cert_file": tmp_path},
        {"bootstrap": "127.0.0.1:9092", "security": "tls", "ca_file": tmp_path / "none.pem"},
    ):
        with pytest.raises(ConfigError):
            KafkaOptions(**wrong)
    assert KafkaOptions("kafka.example:9092", "insecure-plaintext").client()["bootstrap_servers"] == ["kafka.example:9092"]
    assert KafkaOptions("localhost:1,[::1]:2").servers() == ["localhost:1", "[::1]:2"]
