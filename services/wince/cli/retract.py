"""`wince retract`: withdraws from the record what a bad model version wrote."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, author, out, settings, to_json
from wince.clock import wall_us
from wince.domain.entry import Entry
from wince.pipeline.record.retraction import would_withdraw
from wince.serve.reading import reading
from wince.store import retractions
from wince.store.database import Database
from wince.store.retractions import Retraction

WAIT_S = 20.0
"""How long record is waited for."""
Moment = ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]


def retract(
    from_: Annotated[datetime, typer.Option("--from", formats=Moment, help="Entries from then on, with offset: 2026-11-21T08:00:00Z.")],
    to: Annotated[datetime, typer.Option("--to", formats=Moment, help="Up to then.")],
    reason: Annotated[str, typer.Option(help="Why; without a patient's name. Stands in the audit trail.")] = "",
    model_set: Annotated[str, typer.Option("--model-set", help="Its hash, as it stands in every entry's Device.")] = "",
    protocol: Annotated[str, typer.Option(help="Of this protocol alone.")] = "",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Say what would be withdrawn, and which model sets wrote it; change nothing. --model-set and --protocol may be absent.",
        ),
    ] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it; the user of this machine stands beside it.")] = "",
    json_: Json = False,
) -> None:
    """Withdraw (entered-in-error) every entry that a model set or a protocol wrote in a time. Nurses' own entries stay.

    Record does it, through the outbox; windows of that time which arrive within a day are withdrawn, too. Where a target can't take
    anything back, a person is asked to do it there. It doesn't stop the model: `wince switch off` does.
    """
    if not model_set and not protocol and not dry_run:
        raise usage.UsageError(
            "one of them is needed", field="--model-set, --protocol", remedy="--dry-run alone says which model sets wrote in that time"
        )
    if model_set and not re.fullmatch("[0-9a-f]{64}", model_set):
        raise usage.UsageError("is no model set", field="--model-set", remedy="give its 64 hexadecimal digits")
    if not dry_run and not reason.strip():
        raise usage.UsageError("is needed", field="--reason", remedy="say why, without a patient's name")
    from_us, to_us = (round(one.timestamp() * 1_000_000) for one in (from_, to))
    if to_us <= from_us:
        raise usage.UsageError("must lie after --from", field="--to", remedy="the end is exclusive")
    wanted = Retraction(uuid4(), model_set, protocol, from_us, to_us, reason.strip(), author(by), wall_us())
    with reading(settings(), write=not dry_run) as database:
        if dry_run:
            found = would_withdraw(database, wanted)
            _preview(found, json_)
            if not found and not json_:
                out.print(_wrote(database, wanted))
            return
        with database.transaction() as tx:
            retractions.ask(tx, wanted)
        done = _done(database, wanted)
    if json_:
        print(to_json({"retraction": done}))
    elif done.looked_us is None:
        out.print(f"asked (id {done.id}): no record runs here now; the next one that starts withdraws the entries")
    else:
        out.print(f"{done.entries} entries withdrawn; `wince outbox list` says what the targets have not taken yet (id {done.id})")


def _wrote(database: Database, wanted: Retraction) -> str:
    """What did write in that time: a name that was mistyped withdraws nothing."""
    names = sorted({(one.protocol, one.model_set) for one in would_withdraw(database, replace(wanted, model_set="", protocol=""))})
    said = "; ".join(f"protocol {protocol}, model set {model_set}" for protocol, model_set in names)
    return f"entries of that time are of: {said}" if said else "no entry of that time stands"


def _done(database: Database, wanted: Retraction) -> Retraction:
    deadline = time.monotonic() + WAIT_S
    while True:
        with database.transaction() as tx:
            found = retractions.get(tx, wanted.id) or wanted
        if found.looked_us is not None or time.monotonic() > deadline:
            return found
        time.sleep(0.25)


def _preview(entries: list[Entry], json_: bool) -> None:
    if json_:
        keys = ("bed", "protocol", "kind", "status", "model_set")
        counts = Counter((entry.bed, entry.protocol, entry.kind.value, entry.status, entry.model_set) for entry in entries)
        print(
            to_json({"entries": len(entries), "of": [dict(zip(keys, key, strict=True)) | {"count": counts[key]} for key in sorted(counts)]})
        )
        return
    table = Table(box=None, pad_edge=False)
    for column in ("bed", "protocol", "kind", "status", "entries"):
        table.add_column(column)
    rows = Counter((entry.bed, entry.protocol, entry.kind.value, entry.status) for entry in entries)
    for key, number in sorted(rows.items()):
        table.add_row(*key, str(number))
    if entries:
        out.print(table)
    for model_set, number in sorted(Counter(entry.model_set for entry in entries).items()):
        out.print(f"  {number} by model set {model_set}", soft_wrap=True)
    out.print(f"{len(entries)} entries would be withdrawn; nothing was changed")
