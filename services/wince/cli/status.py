"""`wince status`: what works, what waits, what needs a person; beside a running Wince, or of one that is stopped."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from wince.cli.common import Json, out, settings
from wince.cli.places import places
from wince.local.stopping import Stopped
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.telemetry import logs
from wince.telemetry.key import hash_key

if TYPE_CHECKING:
    from wince.serve.status.collect import Status
    from wince.serve.status.watch import Watch


def status(
    json_: Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", help="How often --watch looks.", min=0.5, max=3600)] = 2.0,
    service: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="NAME=HOST:PORT",
            help="Where a service listens that no `wince up` of this state directory started; repeat for more.",
        ),
    ] = None,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Name patients and encounters, by the hospital service, which audits who asked.")
    ] = False,
) -> None:
    """Installation, database, services, cameras, beds, Kafka, outbox, audit trail, models, disks. Makes nothing.

    Exit code 0 where all is well, 1 where something needs a person; 0 where Ctrl-C ended --watch. Patients stand as hashes, as in the logs.
    """
    from wince.cli.status_show import line, table
    from wince.serve.process import SERVICES, WHERE_SET
    from wince.serve.status.interface import State
    from wince.serve.status.watch import Watch

    listed, loaded = _places(service or (), (*SERVICES, *WHERE_SET)), settings()
    _hash_as_the_logs_do(loaded)
    with Watch(loaded, listed, identifiers=identifiers) as eye:
        found = eye.status()
        if watch:
            with suppress(Stopped):
                _watch(eye, found, every, json_)
            return
        print(line(found)) if json_ else out.print(table(found))
    if found.state is not State.OK:
        raise typer.Exit(1)


def _hash_as_the_logs_do(loaded: Settings) -> None:
    """The installation's key for pseudonyms, where it has one; none is made."""
    key = Places.of(loaded).logs_key
    if key.is_file() or loaded.logs_key_file is not None:
        found = hash_key(key, make=loaded.logs_key_file is None)
        logs.configure(loaded.log_level, json=loaded.log_json, key=found)


def _watch(eye: Watch, found: Status, every: float, json_: bool) -> None:
    """Until a signal: one picture that is drawn again on a terminal, else a document for each look."""
    from wince.cli.status_show import line, table

    if json_ or not out.is_terminal:
        while True:
            print(line(found), flush=True) if json_ else out.print(table(found), "")
            time.sleep(every)
            found = eye.status()
    with Live(table(found), console=out, auto_refresh=False, screen=True) as live:
        while True:
            time.sleep(every)
            live.update(table(eye.status()), refresh=True)


def _places(given: list[str] | tuple[()], names: tuple[str, ...]) -> dict[str, list[str]]:
    """HOST:PORT by service. Raises UsageError."""
    found: dict[str, list[str]] = {}
    for name, address in places(given, names, "--service"):
        found.setdefault(name, []).append(address)
    return found
