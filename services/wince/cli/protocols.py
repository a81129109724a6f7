"""`wince protocols`: which clinical protocols there are, and what each says of itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings, to_json
from wince.errors import ProtocolError
from wince.models import lock
from wince.protocols import loader
from wince.runtime import setup

app = typer.Typer(no_args_is_help=True, help="Clinical protocols: one TOML file each; WINCE_PROTOCOL_DIR adds a site's own.")


@app.command("list")
def list_command(json_: Json = False) -> None:
    """Every protocol: name, population, scale, and whether it can grade here."""
    folders = setup.protocol_folders(settings())
    rows = []
    for name in loader.available(folders):
        rules = loader.load(name, folders)
        try:
            loader.check_models(rules, lock.load().keys())
            ready = "ready"
        except ProtocolError as error:
            ready = error.message
        rows.append(
            {
                "name": name,
                "title": rules.title,
                "population": rules.population.name,
                "scale": rules.scale.name,
                "grades": [grade.name for grade in rules.scale.grades],
                "ready": ready,
                "file": rules.path,
            }
        )
    if json_:
        print(to_json(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("protocol", "population", "scale", "grades", "state"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(str(row["name"]), str(row["population"]), str(row["scale"]), ", ".join(row["grades"]), str(row["ready"]))
    out.print(table)


@app.command("show")
def show(name: Annotated[str, typer.Argument(help="Name of the protocol.")], json_: Json = False) -> None:
    """What a protocol is for, whom it may judge, and which of its numbers are ours."""
    rules = loader.load(name, setup.protocol_folders(settings()))
    if json_:
        print(to_json(asdict(rules)))
        return
    ages = " to ".join(
        part
        for part in (
            f"from {rules.population.min_age}" if rules.population.min_age else "",
            f"below {rules.population.max_age}" if rules.population.max_age else "",
        )
        if part
    )
    out.print(
        f"[bold]{rules.title}[/bold] ({rules.name}, version {rules.version}, rule {rules.rule[:12]})", f"  {rules.report.label}", sep="\n"
    )
    out.print(f"population  {rules.population.name} {ages}, {rules.population.state}")
    for head, lines in (
        ("includes", rules.population.inclusions),
        ("excludes", rules.population.exclusions),
        ("published", rules.report.published),
        ("ours", rules.report.ours),
    ):
        for line in lines:
            out.print(f"  {head:<9} {line}", markup=False)
    out.print(f"scale       {rules.scale.name}; {rules.scale.source}", markup=False)
    for grade in rules.scale.grades:
        out.print(f"  {grade.name:<9} from {grade.min:g}", markup=False)
    out.print(
        f"window      {rules.window.length_s:g} s, at least {rules.window.min_share:.0%} assessable, {rules.detect.rate_hz:g} frames/s"
    )
