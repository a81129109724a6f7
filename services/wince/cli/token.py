"""`wince token`: who may call the services."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json, user
from wince.errors import ConfigError
from wince.rpc import token_edit, token_file
from wince.rpc.roles import Role

app = typer.Typer(no_args_is_help=True, help="Who may call the services: tokens are made, listed and revoked.")
notes = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

File = Annotated[Path | None, typer.Option("--file", help="The token file; default: rpc.token_file of the settings.")]


@app.command("make")
def make_command(
    name: Annotated[str, typer.Argument(help="Of the caller: it stands in the audit trail, and as the author of what it decides.")],
    roles: Annotated[str, typer.Argument(help=f"With commas between: {', '.join(Role)}.")],
    source: Annotated[
        list[str] | None, typer.Option("--source", help="A camera that it reaches; repeat for more, * for every one.")
    ] = None,
    bed: Annotated[list[str] | None, typer.Option("--bed", help="A bed that it reaches, POINTOFCARE^ROOM^BED; repeat for more.")] = None,
    ward: Annotated[list[str] | None, typer.Option("--ward", help="A ward that it reaches; repeat for more.")] = None,
    until: Annotated[str, typer.Option("--until", help="Last day (2027-06-30), or the moment (2027-06-30T12:00Z) at which it ends.")] = "",
    cn: Annotated[str, typer.Option("--cn", help="Name in a client certificate that mTLS checks, instead of a token.")] = "",
    file: File = None,
) -> None:
    """Add a caller, and print its token: only now, since the file keeps its hash alone. Running services know it within a second."""
    path = _path(file)
    bounds = [("sources", source or []), ("beds", bed or []), ("wards", ward or [])]
    for option, values in zip(("--source", "--bed", "--ward"), (source, bed, ward), strict=True):
        if any(not value.strip() for value in values or ()):
            raise usage.UsageError("must not be empty", field=option, remedy="name one, or leave the option out")
    try:
        token = token_edit.make(path, name, roles, bounds, until, certificate=cn)
    except ConfigError as error:
        if not error.field.startswith(token_file.FIELD):
            raise usage.UsageError(error.message, field=f"{name} {roles}", remedy=_option(error.remedy)) from None
        raise
    if token:
        print(token)
        notes.print(f"{name} is in {path}. This is the token; it can't be shown again.")
    else:
        notes.print(f"{name} is in {path}, known by its certificate.")


def _option(remedy: str) -> str:
    return "name its cameras: --source ID, or --source '*' for every camera" if "sources=*" in remedy else remedy


@app.command("list")
def list_command(file: File = None, json_: Json = False) -> None:
    """Who is in the token file, what binds it, and until when. Shows no token."""
    entries = token_file.load(_path(file))
    now_s = time.time()
    if json_:
        print(to_json({"callers": [_plain(entry, now_s) for entry in entries]}))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "id", "roles", "bound to", "until"):
        table.add_column(column, overflow="fold")
    for entry in entries:
        said = _plain(entry, now_s)
        bound = " ".join(f"{key}={','.join(said[key])}" for key in ("sources", "beds", "wards") if said[key]) or "-"
        table.add_row(entry.name, entry.id, ",".join(said["roles"]), bound, f"{said['until'] or '-'}{' (over)' if said['over'] else ''}")
    out.print(table)


@app.command("revoke")
def revoke_command(
    which: Annotated[
        str, typer.Argument(metavar="NAME|ID", help="A caller with all its tokens, or one token by its id (`wince token list`).")
    ],
    file: File = None,
    json_: Json = False,
) -> None:
    """Take a caller away. Running services refuse it within a second, and end its streams."""
    gone = token_edit.revoke(_path(file), which, user())
    if json_:
        print(to_json({"revoked": [{"name": entry.name, "id": entry.id} for entry in gone]}))
        return
    for entry in gone:
        out.print(f"revoked: {entry.name} {entry.id}")


@app.command("seal")
def seal_command(file: File = None) -> None:
    """Put hashes in the place of plain tokens, as token files of earlier releases held them. The tokens stay the same."""
    path = _path(file)
    sealed = token_edit.seal(path)
    out.print(f"{sealed} sealed in {path}")
    token_file.load(path)  # says what else such a file needs


def _path(file: Path | None) -> Path:
    path = file or settings().rpc.token_file
    if path is None:
        raise usage.UsageError("no token file is set", field="--file", remedy="name it, or set rpc.token_file (WINCE_RPC__TOKEN_FILE)")
    return path


def _plain(entry: token_file.Entry, now_s: float) -> dict[str, Any]:
    until = None if entry.until_s is None else f"{datetime.fromtimestamp(entry.until_s, UTC):%Y-%m-%d %H:%M} UTC"
    bounds = {key: sorted(getattr(entry.bounds, key) or ()) for key in ("sources", "beds", "wards")}
    over = entry.until_s is not None and entry.until_s <= now_s
    return {"name": entry.name, "id": entry.id, "roles": sorted(entry.roles), **bounds, "until": until, "over": over}
