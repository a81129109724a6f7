"""A Kafka as `wince up` starts it: who is not named in the table of topics gets nothing, by the broker's own word; and a site's brokers get
the same rights by Kafka's own tools."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer
from kafka import errors as kafka_errors
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType

from tests.integration.kafka_closed import WHATEVER, Closed, alter, ends, foreign, granted, properties, read, readable, reason, refused
from tests.integration.kafka_world import eventually, kafka
from tests.support.certificates import Authority
from wince.bus import access
from wince.bus.access import SERVICES, Right, rights
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.kafka_rights import lacking
from wince.bus.topics import ALL, ASSESSMENTS, CARE, FACES, STAYS, TOPICS, dead_letters, topics_of
from wince.errors import Refused, Unavailable
from wince.local import kafka_users, maven
from wince.serve.checks.finding import State

pytestmark = [pytest.mark.peer, pytest.mark.skipif(bool(maven.available()), reason=maven.available() or "Kafka can be started")]


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    with kafka(tmp_path_factory.mktemp("kafka"), 1, closed=True) as peer:
        made = Closed(peer, kafka_users.admit(peer.administrator()))
        for service in SERVICES:
            with made.bus(service):
                pass
        yield made


def test_each_service_does_its_work_with_its_own_rights_alone(closed: Closed) -> None:
    """Makes its topics, writes, reads as its group, puts dead letters aside, though the next may not have begun."""
    for service in SERVICES:
        with closed.bus(service) as bus:
            for name in topics_of(service):
                if service in TOPICS[name].writers:
                    bus.publish(name, "camera-1", service.encode()).result(30)
        admin = closed.options(service).admin()
        assert lacking(admin, service) == []
        admin.close()
    for service in access.GROUPS:
        came: list[tuple[str, bytes]] = []
        mine = [name for name in ALL if service in TOPICS[name].readers]
        written = {(name, writer.encode()) for name in mine for writer in TOPICS[name].writers}
        with closed.bus(service) as bus:
            bus.consume(mine, service, lambda records, came=came: came.extend((one.topic, one.value) for one in records))
            assert eventually(lambda written=written, came=came: written <= set(came)), (service, came)


def test_the_broker_allows_each_of_them_what_the_table_says_and_nothing_else(closed: Closed) -> None:
    """Every operation on every topic, for every principal."""
    for service in access.PRINCIPALS:
        admin = closed.options(service).admin()
        allowed = {
            Right("topic", topic["name"], operation.title().replace("_", ""))
            for topic in admin.describe_topics(list(TOPICS))
            if not topic["error_code"]
            for operation in topic["authorized_operations"]
        }
        admin.close()
        wanted = {right for right in rights(service) if right.kind == "topic"}
        assert allowed == wanted, service


def test_detect_forges_no_assessment_and_reads_no_face(closed: Closed) -> None:
    """Neither by our client nor by the bare library, which asks nobody first."""
    with closed.bus("grade") as grade:
        before = sum(ends(closed, "record", ASSESSMENTS).values())
        with closed.bus("detect") as detect:
            detect.publish(FACES, "camera-1", b"face").result(30)
            with pytest.raises(Refused) as caught:
                detect.publish(ASSESSMENTS, "camera-1", b"forged").result(30)
            assert "user 'wince-detect'" in caught.value.message
        client = closed.options("detect").client()
        producer = KafkaProducer(**client, max_block_ms=3000)
        with pytest.raises(kafka_errors.KafkaError):
            producer.send(ASSESSMENTS, b"forged", b"camera-1", partition=0).get(10)
        producer.close()
        grade.publish(ASSESSMENTS, "camera-1", b"true").result(30)
        assert sum(ends(closed, "record", ASSESSMENTS).values()) == before + 1
    for group in ("detect", "estimate", None):
        assert read(client, FACES, group) == []
    assert read(closed.options("estimate").client(), FACES, "estimate") != [], "who may read it does"


def test_a_service_whose_right_is_gone_says_which(closed: Closed) -> None:
    """The publisher whose record the broker refuses, doctor, and a service that starts."""
    closed.enter_group("grade")
    with closed.bus("grade") as grade, closed.without("grade", Right("topic", ASSESSMENTS, "Write")):
        assert eventually(lambda: closed.finding("grade").state is State.MISSING)
        assert f"wince-grade lacks for grade: Write on topic {ASSESSMENTS}" in closed.finding("grade").found
        with pytest.raises(Refused) as caught:
            grade.publish(ASSESSMENTS, "camera-1", b"x").result(30)
        assert f"Write on topic {ASSESSMENTS}" in caught.value.message
    for right in (Right("topic", CARE, "Read"), Right("group", "grade", "Read"), Right("topic", dead_letters(STAYS), "Write")):
        with closed.without("grade", right):
            assert eventually(lambda right=right: str(right) in reason(closed, "grade")), right
    with closed.without("detect", Right("topic", FACES, "AlterConfigs")):
        assert eventually(lambda: closed.finding("detect").state is State.WARNING)
        assert f"AlterConfigs on topic {FACES}" in closed.finding("detect").found
        assert reason(closed, "detect") == "", "a site may keep the settings itself"
        admin = closed.peer.administrator().admin()
        alter(admin, FACES, {"retention.ms": "604800000"})
        admin.close()
        with pytest.raises(Refused) as caught, closed.bus("detect"):
            pass
        assert f"AlterConfigs on topic {FACES}" in caught.value.message
    with closed.without("detect", Right("topic", FACES, "Create")):
        admin = closed.peer.administrator().admin()
        admin.delete_topics([FACES])
        admin.close()
        assert eventually(lambda: "Create on topic wince.faces.v1" in reason(closed, "detect"))
    with closed.bus("detect"):
        assert eventually(lambda: closed.finding("detect").state is State.OK)
    assert closed.finding("detect").found == "wince-detect has those of detect"


def test_doctor_does_not_vouch_for_what_its_user_may_not_see(closed: Closed) -> None:
    """How long faces are kept: the library gives no settings of such topics, and no error."""
    assert closed.finding("status", "kafka retention").state is State.WARNING
    assert f"{FACES} (crops of patients' faces)" in closed.finding("status", "kafka retention").found
    assert "DescribeConfigs" in closed.finding("status", "kafka retention").remedy
    assert closed.finding("detect", "kafka retention").state is State.OK
    assert "how often the brokers look, this user may not see" in closed.finding("detect", "kafka retention").found
    with closed.without("estimate", Right("topic", FACES, "DescribeConfigs")):
        assert eventually(lambda: closed.finding("estimate", "kafka retention").state is State.WARNING)


def test_who_does_not_sign_in_gets_nothing_in_bounded_time(closed: Closed) -> None:
    """No password, a wrong one, another's name; and the nodes' own listeners, to whoever lacks their certificate."""
    began = time.monotonic()
    with pytest.raises(Refused) as caught:
        KafkaBus(closed.options("detect", "hush-hush"))
    assert "user 'wince-detect'" in caught.value.message
    assert "kafka_password" in caught.value.remedy
    assert "hush" not in caught.value.diagnostics()
    with pytest.raises(Refused):
        KafkaBus(KafkaOptions(closed.peer.bootstrap, "scram-plaintext", "nobody", "x", connect_s=1))
    with pytest.raises(Refused):
        KafkaBus(KafkaOptions(closed.peer.bootstrap, "scram-plaintext", "wince-detect", "x", connect_s=1, mechanism="SCRAM-SHA-256"))
    with pytest.raises(Unavailable):
        KafkaBus(KafkaOptions(closed.peer.bootstrap, connect_s=1))
    assert time.monotonic() - began < 40


def test_the_listeners_between_nodes_take_no_stranger(closed: Closed, tmp_path: Path) -> None:
    """Not in plaintext, not over TLS without a certificate, not with a certificate of the right name that another made."""
    other = Authority(tmp_path, "other")
    certificate, key = other.issue("wince-node", "127.0.0.1")
    ours = closed.peer.administrator()
    for listener in ("inner", "controllers"):
        there = f"127.0.0.1:{closed.peer._plan[listener][0]}"  # type: ignore[index]
        for stranger in (
            KafkaOptions(there, connect_s=1),
            KafkaOptions(there, "tls", ca_file=ours.ca_file, connect_s=1),
            KafkaOptions(there, "tls", ca_file=ours.ca_file, cert_file=certificate, key_file=key, connect_s=1),
        ):
            with pytest.raises(Unavailable):
                stranger.admin()


def test_passwords_stand_in_no_file_of_the_broker_and_change_at_each_start(closed: Closed) -> None:
    """Nor on a command line; Kafka keeps salted digests. Who had another password, or another right, is out."""
    folder = closed.peer._directory
    small = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".index", ".timeindex")]
    said = b"".join(path.read_bytes() for path in small)
    said += b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path))
    assert not [service for service, password in closed.passwords.items() if password.encode() in said]
    assert {path.stat().st_mode & 0o777 for path in folder.glob("node.*")} == {0o600}
    before = dict(closed.passwords)
    closed.passwords = kafka_users.admit(closed.peer.administrator())
    assert not set(before.values()) & set(closed.passwords.values())
    assert eventually(lambda: refused(closed.options("detect", before["detect"])))
    closed.options("detect").admin().close()


def test_a_site_grants_by_kafkas_own_tools_what_wince_prints(closed: Closed, tmp_path: Path) -> None:
    """`kafka-acls.sh` takes every line of `wince kafka acls`, and what stands at the broker then is what `wince up` grants its own."""
    administrator = closed.peer.administrator()
    admin = administrator.admin()
    before = granted(admin)
    assert before
    admin.delete_acls([ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, WHATEVER)])
    assert eventually(lambda: not granted(admin))
    connect = tmp_path / "admin.properties"
    connect.write_text(properties(administrator))
    calls = [list(words) for words in access.acl_arguments(administrator.bootstrap, access.services_rights())]
    shown = [words.split() for words in access.commands(administrator.bootstrap, access.services_rights())]
    assert [words[1:] for words in shown] == calls, "the lines that are printed are these calls"
    lines = ["\t".join(str(connect) if word == "admin.properties" else word for word in words) for words in calls]
    foreign(["acls"], lines)
    assert eventually(lambda: granted(admin) == before)
    admin.close()


def test_javas_producer_puts_a_source_where_ours_does(closed: Closed, tmp_path: Path) -> None:
    """The AsyncAPI document names the partitioner: a foreign producer that follows it lands on the same partition, so order holds."""
    keys = [f"camera-{number}" for number in range(40)] + ["Bett-Ö", "病床 3", "🙂", "x" * 300]
    connect = tmp_path / "client.properties"
    connect.write_text(properties(closed.options("estimate")))
    topic = "wince.estimates.v1"
    with closed.bus("estimate") as bus:
        for key in keys:
            bus.publish(topic, key, b"ours").result(30)
    theirs = [int(line.split()[1]) for line in foreign(["produce", str(connect), topic], keys) if line.startswith("partition ")]
    found = {record.key.decode(): record.partition for record in read(closed.options("grade").client(), topic, "grade", raw=True)}
    assert [found[key] for key in keys] == theirs
    assert len(set(theirs)) > 6


def test_an_old_state_directory_is_closed_and_keeps_what_lies_in_its_topics(tmp_path: Path) -> None:
    """Kafka without sign-in, as an earlier release left it, with records and the position of a group."""
    with kafka(tmp_path, 1) as peer:
        before = KafkaBus(KafkaOptions(peer.bootstrap, connect_s=30))
        for number in range(6):
            before.publish(FACES, "camera-1", str(number).encode()).result(30)
        came: list[bytes] = []
        before.consume([FACES], "estimate", lambda records: came.extend(one.value for one in records))
        assert eventually(lambda: len(came) == 6)
        before.close()
        old = KafkaBus(KafkaOptions(peer.bootstrap))
        old.publish(FACES, "camera-1", b"6").result(30)
        old.close()
    with kafka(tmp_path, 1, closed=True) as peer:
        closed = Closed(peer, kafka_users.admit(peer.administrator()))
        with pytest.raises(Unavailable):
            KafkaBus(KafkaOptions(peer.bootstrap, connect_s=2))
        after: list[bytes] = []
        with closed.bus("estimate") as bus:
            bus.consume([FACES], "estimate", lambda records: after.extend(one.value for one in records))
            assert eventually(lambda: after != [])
        assert after == [b"6"]


def test_dead_letters_have_a_writer_each() -> None:
    """Whoever reads a topic may put aside what it can't read."""
    assert all(TOPICS[dead_letters(name)].writers == TOPICS[name].readers for name in ALL)
