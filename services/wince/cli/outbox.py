"""`wince outbox`: what the EHR has not taken, and trying it again once a person has put things right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.delivery.worker import Delivery
from wince.errors import ConfigError
from wince.serve.reading import reading

app = typer.Typer(no_args_is_help=True, help="What waits for the EHR, dead letters and their replay.")


@contextmanager
def _opened(*, write: bool = False) -> Iterator[Delivery]:
    """The outbox' books; nothing is sent."""
    with reading(settings(), write=write) as database:
        yield Delivery(database, [])


@app.command("list")
def list_command(json_: Json = False) -> None:
    """Dead letters (what the EHR refused for good), holds, and how much still waits."""
    with _opened() as delivery:
        dead, held, waiting = delivery.dead(), delivery.held(), delivery.waiting()
    if json_:
        print(to_json({"waiting": waiting, "held": held, "dead": dead}))
        return
    out.print(f"{waiting} wait, {len(dead)} dead letters" + "".join(f"; {target} is held: {why}" for target, why in held.items()))
    if dead:
        table = Table(box=None, pad_edge=False)
        for column in ("entry", "revision", "target", "attempts", "answer"):
            table.add_column(column, overflow="fold")
        for letter in dead:
            table.add_row(str(letter.entry), str(letter.revision), letter.target, str(letter.attempts), letter.detail)
        out.print(table)


@app.command("replay")
def replay(
    entry: Annotated[str, typer.Argument(help="Id of the entry, as `wince outbox list` shows it.")],
    revision: Annotated[int, typer.Argument(help="Its revision.", min=1)] = 1,
) -> None:
    """Try a dead letter again: somebody has put right what was wrong. A running Wince sends it at once, else the next one that starts.

    The audit trail says so.
    """
    try:
        identity = UUID(entry)
    except ValueError:
        raise ConfigError("is no id", field=f"ENTRY={entry}", remedy="a UUID, as `wince outbox list` shows it") from None
    with _opened(write=True) as delivery:
        delivery.replay(identity, revision)
    out.print("a running Wince sends it now, else the next one that starts")
