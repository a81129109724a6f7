"""`wince audit`: the trail that proves what happened."""

from __future__ import annotations

from itertools import islice
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.errors import ConfigError
from wince.serve import setup
from wince.serve.state_dir import Owner, Places
from wince.store import audit, checkpoints

app = typer.Typer(no_args_is_help=True, help="The audit trail: a hash chain in the database, signed checkpoints outside it.")


@app.command("verify")
def verify(
    key: Annotated[
        str, typer.Option("--key", help="Public key (hex) whose signatures are believed; default: that of the installation's key.")
    ] = "",
    json_: Json = False,
) -> None:
    """Check every link, every payload that is there, every checkpoint; exit code 9 where something was changed."""
    loaded = settings()
    places = Places.of(loaded)
    places.make()
    with Owner(places), setup.database(loaded, places) as opened:
        public = key or checkpoints.public_hex(checkpoints.signing_key(places.audit_key))
        found = checkpoints.verify(opened.database, places.checkpoints, public)
    if json_:
        print(to_json({"rows": found.count, "head": found.head.hex(), "checkpointed": found.checkpoint, "erased": found.erased}))
        return
    open_ = found.tail
    tail = f"; the last {open_} are not covered by a checkpoint yet" if open_ else ""
    out.print(f"audit chain verified ({found.count} entries), head {found.head.hex()[:16]}, {found.erased} payloads erased{tail}")


@app.command("show")
def show(
    entry: Annotated[str, typer.Option("--entry", help="Only what is about this id (entry, assessment, question, message).")] = "",
    after: Annotated[int, typer.Option("--after", help="Begin behind this sequence number.", min=0)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="At most so many rows.", min=1, max=100000)] = 50,
    json_: Json = False,
) -> None:
    """Rows of the trail: what happened when to which id. Payloads (they may hold patient data) are not shown."""
    loaded = settings()
    places = Places.of(loaded)
    places.make()
    try:
        about = UUID(entry) if entry else None
    except ValueError:
        raise ConfigError("is no id", field=f"--entry={entry}", remedy="a UUID, as in `wince run --json`") from None
    with Owner(places), setup.database(loaded, places) as opened:
        rows = list(islice(audit.rows(opened.database, after, entry=about), limit))
    if json_:
        for row in rows:
            print(
                to_json(
                    {
                        "seq": row.seq,
                        "at": row.at,
                        "entry": row.entry,
                        "revision": row.revision,
                        "event": row.event,
                        "attempt": row.attempt,
                        "hash": row.hash.hex(),
                    }
                )
            )
        return
    table = Table(box=None, pad_edge=False)
    for column in ("seq", "at", "event", "attempt", "entry", "revision", "hash"):
        table.add_column(column)
    for row in rows:
        table.add_row(str(row.seq), row.at, row.event, str(row.attempt), str(row.entry), str(row.revision), row.hash.hex()[:16])
    out.print(table)
