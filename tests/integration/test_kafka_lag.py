"""How far consumers are behind, as a status asks the brokers."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.integration.kafka_world import bus, eventually, kafka
from tests.unit.serve.status.looks import look
from wince.bus.interface import Record
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.lag import backlog
from wince.bus.names import Names
from wince.bus.topics import ESTIMATES, dead_letters
from wince.serve.checks import kafka as check
from wince.serve.status.interface import State
from wince.serve.status.lag import GROUPS, lag
from wince.settings import Settings
from wince.testing.peers import KafkaPeer

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaPeer]:
    with kafka(tmp_path_factory.mktemp("kafka"), 1) as made:
        yield made


def test_members_records_behind_and_letters(peer: KafkaPeer, tmp_path: Path) -> None:
    """Nobody reads: said. A reader: counted. What it has not settled, and what nobody could read: counted by topic."""
    settings = {"kafka_bootstrap": peer.bootstrap}
    assert {(row.what, row.state) for row in lag(look(tmp_path, settings=settings))} == {(group, State.BAD) for group in GROUPS}

    client, came = bus(peer), list[Record]()

    def take(records: Sequence[Record]) -> None:
        came.extend(records)

    try:
        client.ensure_topics([ESTIMATES])
        subscription = client.consume([ESTIMATES], "grade", take)
        client.publish(ESTIMATES, "cam-1", b"one").result(timeout=60)
        assert eventually(lambda: len(came) == 1)
        assert eventually(lambda: backlog(KafkaOptions(peer.bootstrap), ("grade",)).groups[0].behind == {ESTIMATES: 0})
        row = next(row for row in lag(look(tmp_path, settings=settings)) if row.what == "grade")
        assert (row.state, row.figures["members"], row.figures["behind"]) == (State.OK, 1, 0)

        subscription.stop()
        for _ in range(5):
            client.publish(ESTIMATES, "cam-1", b"more").result(timeout=60)
        client.publish(dead_letters(ESTIMATES), "cam-1", b"?").result(timeout=60)
        assert eventually(lambda: backlog(KafkaOptions(peer.bootstrap), ("grade",)).groups[0].members == 0)
        rows = {row.what: row for row in lag(look(tmp_path, settings=settings))}
        assert (rows["grade"].state, rows["grade"].figures[ESTIMATES]) == (State.BAD, 5)
        assert rows["grade"].reason == "nobody reads"
        assert rows[dead_letters(ESTIMATES)].figures["records"] == 1
    finally:
        client.close()


def test_a_broker_that_is_away_is_said_in_time(tmp_path: Path) -> None:
    """Within the time that a subject has."""
    from wince.serve.status.collect import collect

    began_s = time.monotonic()
    found = collect(look(tmp_path, settings={"kafka_bootstrap": "127.0.0.1:1"}), {"lag": lag})
    assert time.monotonic() - began_s < 30
    (row,) = found.rows
    assert row.state in (State.BAD, State.WARNING)
    assert row.remedy


def test_without_kafka_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert lag(look(tmp_path)) == []


def test_two_sites_at_one_broker_have_topics_groups_and_lags_of_their_own(peer: KafkaPeer, tmp_path: Path) -> None:
    """Sources of the same name on both: neither reads the other's, and doctor and status of each see its own alone."""
    sites = {name: KafkaBus(KafkaOptions(peer.bootstrap, connect_s=30, names=Names(f"{name}."))) for name in ("north", "south")}
    came: dict[str, list[Record]] = {name: [] for name in sites}
    try:
        for name, site in sites.items():
            site.consume([ESTIMATES], "grade", came[name].extend)
            site.publish(ESTIMATES, "cam-1", name.encode()).result(timeout=60)
        assert eventually(lambda: all(came.values()))
        sites["north"].publish(dead_letters(ESTIMATES), "cam-1", b"?").result(timeout=60)
        assert {name: [(one.topic, one.value) for one in some] for name, some in came.items()} == {
            name: [(ESTIMATES, name.encode())] for name in sites
        }
        for name in sites:
            settings = {"kafka_bootstrap": peer.bootstrap, "kafka_prefix": f"{name}."}
            assert eventually(
                lambda name=name: backlog(KafkaOptions(peer.bootstrap, names=Names(f"{name}.")), ("grade",)).groups[0].members == 1
            )  # type: ignore[misc]
            rows = {row.what: row for row in lag(look(tmp_path, settings=settings))}
            assert rows["grade"].figures["members"] == 1
            assert (dead_letters(ESTIMATES) in rows) == (name == "north")
            found = {one.what: one for one in check.check(Settings(**settings))}  # type: ignore[arg-type]
            assert f"{name}.wince" not in str(found["kafka rights"])
            assert found["kafka topics"].state != "missing", found["kafka topics"]
    finally:
        for site in sites.values():
            site.close()
    admin = KafkaOptions(peer.bootstrap).admin()
    try:
        there = set(admin.list_topics())
    finally:
        admin.close()
    assert {f"{name}.{topic}" for name in sites for topic in (ESTIMATES, dead_letters(ESTIMATES))} <= there
