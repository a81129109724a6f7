"""Who may do what on Kafka: each service's rights, made of `topics.py`, in the forms in which a site grants them.

Every service signs in as a principal of its own. What is not named here is denied: detect can't write an assessment, and reads nothing.
`wince up` grants these rights to its own broker; for a site's brokers `wince kafka acls` prints them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from wince.bus.names import PLAIN, Names
from wince.bus.topics import TOPICS, topics_of

SERVICES = tuple(dict.fromkeys(service for topic in TOPICS.values() for service in (*topic.writers, *topic.readers)))
"""Services that speak over Kafka."""
STATUS = "status"
"""The principal of `wince status`: sees how far consumers are behind, and no record."""
PRINCIPALS = (*SERVICES, STATUS)
GROUPS = tuple(dict.fromkeys(service for topic in TOPICS.values() for service in topic.readers))
"""Consumer groups: each reading service has one of its own name."""
TEMPLATE = "User:wince-{service}"
"""The principal of a service."""


def template(names: Names) -> str:
    """The principal of a service of a site that shares its brokers.

    >>> template(Names("north."))
    'User:north.wince-{service}'
    """
    return TEMPLATE.replace("User:", f"User:{names.prefix}")


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One operation on one resource."""

    kind: str
    """topic or group."""
    name: str
    operation: str
    """As Kafka's tools have it, such as DescribeConfigs."""

    def __str__(self) -> str:
        """For a person: `Write on topic wince.faces.v1`."""
        return f"{self.operation} on {self.kind} {self.name}"


def rights(service: str, names: Names = PLAIN) -> tuple[Right, ...]:
    """What a service needs, and no more, by the names at the brokers.

    Create on each of its topics, since whichever service comes first makes them again after a broker lost everything. The settings of a
    topic are its first writer's business. An idempotent producer needs no right on the cluster: Write on a topic includes it (KIP-679).

        >>> Right("topic", "wince.faces.v1", "Read") in rights("detect")
        False
    """
    if service == STATUS:
        seen = [Right("topic", names.there(name), "Describe") for name in TOPICS]
        return (*seen, *(Right("group", names.there(group), "Describe") for group in GROUPS))
    found = [Right("topic", names.there(name), operation) for name in topics_of(service) for operation in _operations(service, name)]
    if service in GROUPS:
        found += [Right("group", names.there(service), operation) for operation in ("Read", "Describe")]
    return tuple(found)


def reader_rights(name: str, topics: Iterable[str], names: Names = PLAIN) -> tuple[Right, ...]:
    """What a system of the site's own needs that reads topics: them, and a consumer group of its own name.

    >>> [str(one) for one in reader_rights("analytics", ["wince.stays.v1"])][::2]
    ['Read on topic wince.stays.v1', 'Read on group analytics']
    """
    resources = [*(("topic", names.there(topic)) for topic in topics), ("group", name)]
    return tuple(Right(kind, resource, operation) for kind, resource in resources for operation in ("Read", "Describe"))


def services_rights(template: str = TEMPLATE, names: Names = PLAIN) -> dict[str, tuple[Right, ...]]:
    """By principal: what Wince's own services need."""
    return {principal(service, template): rights(service, names) for service in PRINCIPALS}


def _operations(service: str, name: str) -> Iterator[str]:
    topic = TOPICS[name]
    if service in topic.writers:
        yield "Write"
    if service in topic.readers:
        yield "Read"
    yield from ("Describe", "DescribeConfigs", "Create")
    if service == topic.writers[0]:
        yield "AlterConfigs"


def principal(service: str, template: str = TEMPLATE) -> str:
    """The principal of a service.

    >>> principal("detect", "User:CN={service}.wince.example")
    'User:CN=detect.wince.example'
    """
    return template.replace("{service}", service)


def commands(bootstrap: str, granted: Mapping[str, tuple[Right, ...]]) -> list[str]:
    """Lines for a shell that grant the rights by Kafka's own `kafka-acls.sh`. `granted`: by principal."""
    return [shlex.join(["kafka-acls.sh", *words]) for words in acl_arguments(bootstrap, granted)]


def acl_arguments(bootstrap: str, granted: Mapping[str, tuple[Right, ...]]) -> Iterator[list[str]]:
    """Arguments of `kafka-acls.sh`, a list for each call; the credentials of who calls stand in admin.properties."""
    connect = ["--bootstrap-server", bootstrap, "--command-config", "admin.properties"]
    for who, needed in granted.items():
        for kind, names, operations in _grouped(needed):
            asked = [word for operation in operations for word in ("--operation", operation)]
            on = [word for name in names for word in (f"--{kind}", name)]
            yield [*connect, "--add", "--force", "--allow-principal", who, *asked, *on]


def strimzi(cluster: str, granted: Mapping[str, tuple[Right, ...]]) -> str:
    """A KafkaUser of Strimzi's for each principal, as YAML: its operator makes the passwords and grants the rights."""
    return "---\n".join(_kafka_user(cluster, who.removeprefix("User:"), needed) for who, needed in granted.items())


def _kafka_user(cluster: str, user: str, needed: tuple[Right, ...]) -> str:
    acls = "".join(
        f"      - resource: {{type: {kind}, name: {name}, patternType: literal}}\n        operations: [{', '.join(operations)}]\n"
        for kind, names, operations in _grouped(needed)
        for name in names
    )
    return (
        "apiVersion: kafka.strimzi.io/v1\n"
        "kind: KafkaUser\n"
        f"metadata:\n  name: {user}\n  labels:\n    strimzi.io/cluster: {cluster}\n"
        "spec:\n  authentication:\n    type: scram-sha-512\n  authorization:\n    type: simple\n    acls:\n" + acls
    )


def _grouped(of: Iterable[Right]) -> Iterator[tuple[str, list[str], tuple[str, ...]]]:
    """(kind, names, operations): resources with the same operations together."""
    by_name = {on: tuple(one.operation for one in some) for on, some in groupby(of, lambda one: (one.kind, one.name))}
    for kind, operations in dict.fromkeys((kind, operations) for (kind, _), operations in by_name.items()):
        yield kind, [name for (its, name), ops in by_name.items() if (its, ops) == (kind, operations)], operations
