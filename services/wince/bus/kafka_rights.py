"""Which rights a user has on Kafka, as the brokers say: what a service lacks, and what a user may do beyond its service."""

from __future__ import annotations

from collections.abc import Collection

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from wince.bus.access import Right, rights
from wince.bus.names import PLAIN, Names
from wince.bus.topics import TOPICS

NEEDED = ("Read", "Write", "Describe")
"""Without these a service does nothing; without the others it makes no topic, and keeps no settings."""
_DENIED = kafka_errors.TopicAuthorizationFailedError.errno
_DATA = ("Read", "Write")
"""The rights by which records are read and forged."""


def lacking(admin: KafkaAdminClient, service: str, names: Names = PLAIN) -> list[Right]:
    """What this user lacks of a service's rights. Whether it may make a topic that is missing is not among them. Raises KafkaError."""
    wanted = rights(service, names)
    may, there = _allowed(admin, {right.name for right in wanted if right.kind == "topic"})
    groups = _groups(admin, [right.name for right in wanted if right.kind == "group"])
    return [right for right in wanted if right not in may | groups and (right.kind == "group" or right.name in there)]


def beyond(admin: KafkaAdminClient, services: Collection[str], names: Names = PLAIN) -> list[Right]:
    """Read and Write of records that none of these services needs, and this user has. Raises KafkaError."""
    needed = {right for service in services for right in rights(service, names)}
    may, _ = _allowed(admin, [names.there(name) for name in TOPICS])
    return [right for right in sorted(may - needed) if right.operation in _DATA]


def _allowed(admin: KafkaAdminClient, names: Collection[str]) -> tuple[set[Right], set[str]]:
    """(what the user may do on these topics, the topics of which this is known: those that are there, or that it may not even see)."""
    may: set[Right] = set()
    known = set()
    for topic in admin.describe_topics(sorted(names)):
        if not topic["error_code"]:
            may |= {Right("topic", topic["name"], _name(operation)) for operation in topic["authorized_operations"]}
        if topic["error_code"] in (0, _DENIED):
            known.add(topic["name"])
    return may, known


def _groups(admin: KafkaAdminClient, names: Collection[str]) -> set[Right]:
    """What the user may do with these groups; everything where no broker can tell yet."""
    may = set()
    for name in names:
        try:
            found = admin.describe_groups([name])[name]
        except kafka_errors.GroupAuthorizationFailedError:
            continue
        except kafka_errors.CoordinatorNotAvailableError:  # of a broker on which nobody has ever settled anything
            found = {}
        operations = found.get("authorized_operations") or ("READ", "DESCRIBE")  # none: nobody has ever been in the group
        may |= {Right("group", name, _name(operation)) for operation in operations}
    return may


def _name(operation: str) -> str:
    """The library says DESCRIBE_CONFIGS, Kafka's tools DescribeConfigs.

    >>> _name("DESCRIBE_CONFIGS")
    'DescribeConfigs'
    """
    return operation.title().replace("_", "")
