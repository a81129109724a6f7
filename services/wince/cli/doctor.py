"""`wince doctor`: what is missing, here and at the peers that settings name, and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from wince.cli.common import Json, out, settings, to_json
from wince.cli.places import places
from wince.rpc.ports import PORTS
from wince.serve.checks import health
from wince.serve.checks.everything import CONFIGURED, MACHINE, run
from wince.serve.checks.finding import Finding, State

COLOURS = {State.OK: "green", State.WARNING: "yellow", State.MISSING: "red"}


def doctor(
    json_: Json = False,
    health_: Annotated[
        list[str] | None,
        typer.Option("--health", metavar="NAME=HOST:PORT", help="Ask a service at its health_port if it can work; repeat for more."),
    ] = None,
) -> None:
    """Look at this machine, and try the database, Kafka, the cameras and the targets that are set. Nothing is created or changed.

    Exit code 1 where something is missing.
    """
    asked = health.checks(places(health_ or (), tuple(PORTS), "--health"))
    show(run(settings(), (*MACHINE, *CONFIGURED, *asked)), json_)


def show(findings: Sequence[Finding], json_: bool) -> None:
    """Print findings; ends the command with exit code 1 where something is missing."""
    if json_:
        print(to_json(findings))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in findings:
            said = finding.found + (f"\nremedy: {finding.remedy}" if finding.remedy else "")
            table.add_row(Text(finding.state.value, COLOURS[finding.state]), finding.what, Text(said))
        out.print(table)
    if any(finding.state is State.MISSING for finding in findings):
        raise typer.Exit(1)
