"""`wince models`: the face models, fetched once into a cache and verified by the lock."""

from __future__ import annotations

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.local.stopping import keeps
from wince.models import fetch, lock

app = typer.Typer(no_args_is_help=True, help="Face models: fetched once into a cache, verified by sha256, offline afterwards.")


@app.command("fetch")
def fetch_command(json_: Json = False) -> None:
    """Fetch what is missing into the cache and verify everything."""
    folder = settings().models_dir
    keeps(lambda: f"what was verified is kept in {folder}", "the same command fetches the rest")
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), transient=True, disable=json_ or not out.is_terminal) as bar:
        task = bar.add_task("face models")
        wanted = (*lock.FACE_MODELS, *lock.MTCNN_MODELS)
        paths = fetch.fetch(wanted, cache_dir=folder, progress=lambda name, what: bar.update(task, description=f"{name}: {what}"))
    if json_:
        print(to_json({name: str(path) for name, path in paths.items()}))
        return
    out.print(f"{len(paths)} models verified in {folder}")


@app.command("list")
def list_command(json_: Json = False) -> None:
    """What the lock names: where it comes from, licence, and whether it is in the cache."""
    folder = settings().models_dir
    rows = [
        {
            "name": model.name,
            "wheel": model.wheel.requirement,
            "sha256": model.sha256,
            "licence": model.licence,
            "what": model.what,
            "cached": fetch.cached(model.name, folder),
        }
        for model in lock.load().values()
    ]
    if json_:
        print(to_json(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("model", "from", "sha256", "licence", "cached", "what it does"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["wheel"]),
            str(row["sha256"])[:12],
            str(row["licence"]),
            "yes" if row["cached"] else "no",
            str(row["what"]),
        )
    out.print(table)
