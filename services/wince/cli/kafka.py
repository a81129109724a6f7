"""`wince kafka`: the rights that a site's own brokers must grant."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from wince.bus import access
from wince.bus.names import Names
from wince.bus.topics import ASSESSMENTS, TOPICS
from wince.cli import usage
from wince.cli.common import settings, to_json
from wince.control import has_control
from wince.errors import ConfigError, choices

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
app = typer.Typer(no_args_is_help=True, help="What a site's own Kafka must grant to each service.")


class Form(StrEnum):
    """How rights are printed."""

    COMMANDS = "commands"
    STRIMZI = "strimzi"
    JSON = "json"


@app.callback()
def root() -> None:
    """What a site's own Kafka must grant to each service."""


@app.command()
def acls(
    form: Annotated[
        Form, typer.Option("--form", help="commands: lines for a shell, by kafka-acls.sh. strimzi: a KafkaUser for each service, as YAML.")
    ] = Form.COMMANDS,
    principal: Annotated[
        str | None,
        typer.Option(
            "--principal",
            metavar="TEXT",
            help=f"A service's principal; {{service}} stands for its name. Default: {access.TEMPLATE}, with the prefix after `User:`.",
        ),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="TEXT", help="Before the names of topics and groups. Default: kafka_prefix.")
    ] = None,
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="Strimzi's name of the cluster.")] = "kafka",
    reader: Annotated[
        str, typer.Option("--reader", metavar="NAME", help="The rights of a system of your own that reads, and of its consumer group NAME.")
    ] = "",
    topic: Annotated[
        list[str] | None, typer.Option("--topic", help=f"With --reader: what it reads; repeat for more. Default: {ASSESSMENTS}.")
    ] = None,
) -> None:
    """Print the rights of each service, and of `wince status`; or of a reader of your own. Nothing is asked or changed.

    What is not printed must be denied: run the brokers with an authorizer, and without allow.everyone.if.no.acl.found.
    """
    if prefix is None or form is Form.COMMANDS:
        known = settings()
        prefix, bootstrap = known.kafka_prefix if prefix is None else prefix, known.kafka_bootstrap
    try:
        names = Names(prefix)
    except ConfigError as error:
        raise usage.UsageError(error.message, field=f"--prefix {prefix!r}", remedy=error.remedy) from None
    principal = access.template(names) if principal is None else principal
    if not principal.startswith("User:") or has_control(principal):
        raise usage.UsageError("must be User:NAME", field=f"--principal {principal!r}", remedy="such as 'User:wince-{service}'")
    granted = _reader(reader, topic or [ASSESSMENTS], principal, names) if reader or topic else access.services_rights(principal, names)
    if form is Form.STRIMZI:
        users = {who.removeprefix("User:") for who in granted}
        if len(users) < (1 if reader else len(access.PRINCIPALS)) or not all(map(_NAME.fullmatch, users)):
            remedy = "Strimzi makes a user for each service: letters a to z, digits, - and ., with {service} in it"
            raise usage.UsageError("can't be a name in Kubernetes", field="--principal", remedy=remedy)
        if not _NAME.fullmatch(cluster):
            raise usage.UsageError("can't be a name in Kubernetes", field="--cluster", remedy="letters a to z, digits, - and .")
        print(access.strimzi(cluster, granted), end="")
    elif form is Form.JSON:
        print(to_json(granted))
    else:
        print("\n".join(access.commands(bootstrap or "localhost:9092", granted)))


def _reader(name: str, topics: list[str], template: str, names: Names) -> dict[str, tuple[access.Right, ...]]:
    """By principal. Raises UsageError."""
    if not _NAME.fullmatch(name) or name in access.PRINCIPALS:
        remedy = "a name of your own system, such as analytics: a to z, digits, - and ., none of " + ", ".join(access.PRINCIPALS)
        raise usage.UsageError("is no name for a reader", field="--reader", remedy=remedy)
    for topic in topics:
        if topic not in TOPICS:
            raise usage.UsageError("there is no such topic", field="--topic", remedy=choices(topic, TOPICS))
    return {access.principal(name, template): access.reader_rights(name, topics, names)}
