"""`wince hl7 parked`: messages of the hospital that could not be understood and were kept (`mllp_refused = "park"`)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.clock import wall_us
from wince.domain.parked import ParkedMessage
from wince.serve.reading import reading
from wince.store import parked
from wince.store.database import Database, Tx

app = typer.Typer(no_args_is_help=True, help="Refused ADT messages that wait for a person.")
WAIT_S = 15.0
"""How long `replay` waits for a running Wince."""


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Tx]:
    with reading(settings(), write=write) as database, database.transaction() as tx:
        yield tx


@app.command("list")
def list_command(json_: Json = False) -> None:
    """What is parked, in order of arrival, with the field that is wrong and the remedy. Without any of the messages' text."""
    with _opened() as tx:
        found = parked.parked(tx)
    if json_:
        print(to_json(found))
        return
    if not found:
        out.print("nothing is parked")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("id", "came", "from", "control id", "event", "where", "why", "replays"):
        table.add_column(column, overflow="fold")
    for one in found:
        sender = f"{one.application}|{one.facility}"
        again = "asked for" if one.asked_us is not None else str(one.attempts)
        table.add_row(str(one.id), _moment(one.received_us), sender, one.control_id, one.trigger, one.place, one.reason, again)
    out.print(table)
    out.print("put right what is wrong, then: wince hl7 parked replay [ID ...]", highlight=False)


@app.command("show")
def show(identity: Annotated[str, typer.Argument(metavar="ID", help="As `wince hl7 parked list` shows it.")]) -> None:
    """Print a message's text: it names a patient. The audit trail says who looked."""
    wanted = _id(identity)
    with _opened(write=True) as tx:
        text = parked.show(tx, wanted, user(), wall_us())
    print(text.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n"))


@app.command("replay")
def replay(
    identities: Annotated[list[str] | None, typer.Argument(metavar="[ID ...]", help="Which; all where none is named.")] = None,
) -> None:
    """Have messages taken again, in order of arrival: somebody has put right what was wrong.

    A running Wince does so at once, else the next one that starts. What is refused again stays parked, with the reason: exit code 1.
    """
    wanted = [_id(one) for one in identities or []]
    with reading(settings(), write=True) as database:
        with database.transaction() as tx:
            before = {one.id: one.attempts for one in parked.parked(tx) if not wanted or one.id in wanted}
            count = parked.ask(tx, wanted, wall_us())
        if not count:
            out.print("nothing is parked")
            return
        still = _wait(database, set(before))
    refused = [one for one in still if one.asked_us is None and one.attempts > before[one.id]]
    waiting = [one for one in still if one.asked_us is not None]
    out.print(f"{count - len(still)} taken, {len(refused)} refused again, {len(waiting)} wait for a running Wince")
    for one in refused:
        out.print(f"{one.id}  {one.place}  {one.reason}", highlight=False)
    if refused:
        raise typer.Exit(1)


def _wait(database: Database, wanted: set[UUID]) -> list[ParkedMessage]:
    """What of them is still parked when all were tried, or after WAIT_S."""
    until = time.monotonic() + WAIT_S
    while True:
        with database.transaction() as tx:
            left = [one for one in parked.parked(tx) if one.id in wanted]
        if not any(one.asked_us is not None for one in left) or time.monotonic() > until:
            return left
        time.sleep(0.2)


@app.command("drop")
def drop(identities: Annotated[list[str], typer.Argument(metavar="ID ...", help="As `wince hl7 parked list` shows them.")]) -> None:
    """Delete messages: they will never be taken. The audit trail keeps who did so, and which they were."""
    wanted = [_id(one) for one in identities]
    with _opened(write=True) as tx:
        for one in wanted:
            parked.drop(tx, one, user(), wall_us())
    out.print(f"{len(wanted)} dropped")


def _id(text: str) -> UUID:
    return usage.identity(text, "ID", "`wince hl7 parked list`")


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
