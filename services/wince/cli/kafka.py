"""`wince kafka`: the rights that a site's own brokers must grant."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated

import typer

from wince.bus import access
from wince.cli import usage
from wince.cli.common import settings, to_json
from wince.control import has_control

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
        str, typer.Option("--principal", metavar="TEXT", help="A service's principal; {service} stands for its name.")
    ] = access.TEMPLATE,
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="Strimzi's name of the cluster.")] = "kafka",
) -> None:
    """Print the rights of each service, and of `wince status`. Nothing is asked or changed.

    What is not printed must be denied: run the brokers with an authorizer, and without allow.everyone.if.no.acl.found.
    """
    if not principal.startswith("User:") or has_control(principal):
        raise usage.UsageError("must be User:NAME", field=f"--principal {principal!r}", remedy="such as 'User:wince-{service}'")
    if form is Form.STRIMZI:
        names = {access.principal(service, principal).removeprefix("User:") for service in access.PRINCIPALS}
        if len(names) < len(access.PRINCIPALS) or not all(map(_NAME.fullmatch, names)):
            remedy = "Strimzi makes a user for each service: letters a to z, digits, - and ., with {service} in it"
            raise usage.UsageError("can't be a name in Kubernetes", field="--principal", remedy=remedy)
        if not _NAME.fullmatch(cluster):
            raise usage.UsageError("can't be a name in Kubernetes", field="--cluster", remedy="letters a to z, digits, - and .")
        print(access.strimzi(cluster, principal), end="")
    elif form is Form.JSON:
        print(to_json({access.principal(service, principal): access.rights(service) for service in access.PRINCIPALS}))
    else:
        print("\n".join(access.commands(settings().kafka_bootstrap or "localhost:9092", principal)))
