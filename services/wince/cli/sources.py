"""`wince sources`: cameras, and what a wrong clock did to them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json
from wince.clock import wall_us
from wince.serve.reading import reading
from wince.store import undoing
from wince.store.database import Database
from wince.store.undoing import Undoing

WAIT_S = 20.0
"""How long record is waited for."""

app = typer.Typer(no_args_is_help=True, help="Cameras, and what a wrong clock did to them.")


@app.callback()
def _group() -> None:
    """Commands by name, though there is one only."""


@app.command("undo-ahead")
def undo_ahead(
    source: Annotated[str, typer.Argument(help="The camera, as `wince status` names it.")],
    by: Annotated[str, typer.Option("--by", help="Who has it done (a staff identifier, no name).")],
    reason: Annotated[str, typer.Option("--reason", help="What went wrong; no patient's name. Stands in the audit trail.")],
    from_: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"],
            help="Windows that end later go, and the camera is graded again from here; default: now.",
        ),
    ] = None,
    json_: Json = False,
) -> None:  # fmt: skip
    """Undo windows that were closed ahead of now: a message from the future, or a clock that jumped, closed a bed until then.

    First put the clock right. Record withdraws these windows and what was charted of them, through the outbox; grade begins the camera
    again by itself, without a restart. The patient's calm face is learned again. Entries of nurses stay. It is refused where no window
    was closed ahead of its time. `wince audit verify` says what was withdrawn, by whom and why.
    """
    now_us = wall_us()
    from_us = now_us if from_ is None else round(from_.timestamp() * 1_000_000)
    if from_us > now_us:
        raise usage.UsageError("lies ahead of now", field="--from", remedy="leave it out, or name the moment at which the clock jumped")
    wanted = Undoing(uuid4(), source, from_us, by, reason, now_us)
    with reading(settings(), write=True) as database:
        with database.transaction() as tx:
            undoing.ask(tx, wanted)
            windows = undoing.ahead(tx, source, from_us)
        done = _done(database, wanted)
    if json_:
        print(to_json({"undoing": done, "windows": windows}))
    elif done.done_us is None:
        out.print(f"asked (id {done.id}): no record runs here now; the next one that starts withdraws {windows} windows")
    else:
        out.print(f"{done.windows} windows and {done.entries} entries withdrawn; the camera is graded again (id {done.id})")


def _done(database: Database, wanted: Undoing) -> Undoing:
    deadline = time.monotonic() + WAIT_S
    while True:
        with database.transaction() as tx:
            found = undoing.get(tx, wanted.id) or wanted
        if found.done_us is not None or time.monotonic() > deadline:
            return found
        time.sleep(0.25)
