"""A Kafka as `wince up` starts it, for tests: how each service gets in, what a bare client gets, and Kafka's own tools as foreigners."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer
from kafka import errors as kafka_errors
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.structs import TopicPartition

from tests.integration.kafka_world import eventually
from wince.bus import access
from wince.bus.access import Right
from wince.bus.kafka import KafkaBus
from wince.bus.kafka_options import KafkaOptions
from wince.bus.names import PLAIN
from wince.bus.topics import ALL, TOPICS, topics_of
from wince.errors import Refused
from wince.local import kafka_users, maven
from wince.serve.checks import kafka as check
from wince.serve.checks.finding import Finding
from wince.settings import Settings
from wince.testing.peers import KafkaPeer

WHATEVER = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)


@dataclass
class Closed:
    """A broker that lets in whom we let in."""

    peer: KafkaPeer
    passwords: Mapping[str, str]

    def options(self, service: str, password: str = "") -> KafkaOptions:
        """How a service reaches it."""
        user, password = kafka_users.user(service), password or self.passwords[service]
        return KafkaOptions(self.peer.bootstrap, "scram-plaintext", user, password, connect_s=4)

    @contextmanager
    def bus(self, service: str) -> Iterator[KafkaBus]:
        """As a service has it, with its topics."""
        made = KafkaBus(self.options(service), service)
        try:
            made.ensure_topics([name for name in ALL if name in topics_of(service)])
            yield made
        finally:
            made.close()

    def enter_group(self, service: str) -> None:
        """Consume as the service until a broker tells of the group's rights: it tells nothing of a group in which nobody ever was."""
        admin = self.options(service).admin()
        with self.bus(service) as bus:
            bus.consume([name for name in ALL if service in TOPICS[name].readers], service, lambda records: None)
            assert eventually(lambda: bool(admin.describe_groups([service])[service].get("authorized_operations")))
        admin.close()

    def finding(self, service: str, what: str = "kafka rights") -> Finding:
        """What doctor says with a service's user, of its rights or of something else."""
        settings = Settings(
            kafka_bootstrap=self.peer.bootstrap,
            kafka_security="scram-plaintext",
            kafka_user=kafka_users.user(service),
            kafka_password=self.passwords[service],
        )
        return {one.what: one for one in check.check(settings)}[what]

    @contextmanager
    def without(self, service: str, right: Right) -> Iterator[None]:
        """Somebody takes a right away."""
        admin = self.peer.administrator().admin()
        pattern = ResourcePatternFilter(ResourceType[right.kind.upper()], right.name, ACLResourcePatternType.LITERAL)
        operation = kafka_users._operation(right.operation)
        admin.delete_acls([ACLFilter(access.principal(service), None, operation, ACLPermissionType.ANY, pattern)])
        admin.close()
        try:
            yield
        finally:
            admin = self.peer.administrator().admin()
            kafka_users._set_rights(admin, PLAIN)
            admin.close()


def reason(closed: Closed, service: str) -> str:
    """Why a service does not start; empty where it does."""
    try:
        with closed.bus(service):
            return ""
    except Refused as error:
        return error.message


def alter(admin: Any, topic: str, configs: dict[str, str]) -> None:
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs)])


def granted(admin: Any) -> set[tuple[object, ...]]:
    found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, WHATEVER))
    return {kafka_users._key(acl) for acl in found}


def readable(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def refused(options: KafkaOptions) -> bool:
    try:
        options.admin().close()
    except Refused:
        return True
    return False


def ends(closed: Closed, service: str, topic: str) -> dict[Any, int]:
    consumer = KafkaConsumer(**closed.options(service).client())
    try:
        return dict(consumer.end_offsets([TopicPartition(topic, index) for index in range(12)]))
    finally:
        consumer.close()


def read(client: dict[str, Any], topic: str, group: str | None, *, raw: bool = False) -> list[Any]:
    """What a bare consumer gets of a topic from its start."""
    consumer = KafkaConsumer(**client, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", consumer_timeout_ms=2500)
    try:
        parts = [TopicPartition(topic, index) for index in range(12)]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        return [record if raw else record.value for record in consumer]
    except kafka_errors.KafkaError:
        return []
    finally:
        consumer.close(autocommit=False)


def properties(options: KafkaOptions) -> str:
    """The same connection, as Kafka's Java tools are told it."""
    lines = [f"bootstrap.servers={options.bootstrap}"]
    if options.security == "tls":
        both = Path(str(options.key_file)).with_name("node.pem")
        lines += ["security.protocol=SSL", "ssl.keystore.type=PEM", f"ssl.keystore.location={both}"]
        lines += ["ssl.truststore.type=PEM", f"ssl.truststore.location={options.ca_file}"]
    else:
        login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        lines += ["security.protocol=SASL_PLAINTEXT", f"sasl.mechanism={options.mechanism}"]
        lines += [f'sasl.jaas.config={login} username="{options.user}" password="{options.password}";']
    return "\n".join(lines) + "\n"


def foreign(words: Sequence[str], lines: Sequence[str]) -> list[str]:
    """What Foreign.java prints of these lines."""
    command = ["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", maven.classpath("kafka_tools"), "Foreign", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WINCE_")}
    done = subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, timeout=120, check=False, env=environment, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-1500:]
    return done.stdout.splitlines()
