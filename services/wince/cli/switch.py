"""`wince switch`: the kill switch of a bed, a ward or the whole site."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from wince.care.withholding import LONGEST, Withholding
from wince.cli import usage
from wince.cli.common import Json, author, out, settings, to_json
from wince.domain.withheld import Scope, Switch
from wince.serve.reading import reading

app = typer.Typer(no_args_is_help=True, help="Switch Wince off for a bed, a ward or the site, at once and until it is switched on again.")

Bed = Annotated[str, typer.Option("--bed", help="The hospital's bed, such as ICU^101^A.")]
Ward = Annotated[str, typer.Option("--ward", help="The ward: what stands before the bed's first ^.")]
Site = Annotated[bool, typer.Option("--site", help="Everything.")]
WHY = "say why, without a patient's name"
By = Annotated[str, typer.Option("--by", help="Who does it, for the audit trail; the user of this machine stands beside it.")]


@app.command("off")
def off_command(
    reason: Annotated[str, typer.Option(help="Why; without a patient's name.")],
    bed: Bed = "",
    ward: Ward = "",
    site: Site = False,
    by: By = "",
) -> None:
    """Stop at once: cameras there are not looked at, nothing is charted, alerted, asked or sent, until `wince switch on`.

    It is kept, survives restarts, and stands in the audit trail and in `wince status`. What waits in the outbox is held back, not lost;
    withdrawals of what was written still go out.
    """
    scope, name = _what(bed, ward, site)
    usage.words(reason, "--reason", WHY, longest=LONGEST)
    with reading(settings(), write=True) as database:
        made = Withholding(database).off(scope, name, reason, author(by))
    out.print(f"{_words(made)} is switched off since {_moment(made.off_us)}: {made.reason}")


@app.command("on")
def on_command(
    reason: Annotated[str, typer.Option(help="Why; without a patient's name.")],
    bed: Bed = "",
    ward: Ward = "",
    site: Site = False,
    by: By = "",
) -> None:
    """Go on: cameras are looked at again, and what was held back is sent. To send none of that, `wince retract` it first."""
    scope, name = _what(bed, ward, site)
    usage.words(reason, "--reason", WHY, longest=LONGEST)
    with reading(settings(), write=True) as database:
        withholding = Withholding(database)
        made = withholding.on(scope, name, reason, author(by))
        still = withholding.switches()
    out.print(f"{_words(made)} is switched on; it was off since {_moment(made.off_us)}")
    if still:
        out.print("still off: " + ", ".join(map(_words, still)))


@app.command("list")
def list_command(
    past: Annotated[bool, typer.Option("--all", help="What was off and is on again, too.")] = False, json_: Json = False
) -> None:
    """What is switched off, since when, by whom and why."""
    with reading(settings()) as database:
        withholding = Withholding(database)
        found = withholding.past() if past else withholding.switches()
    if json_:
        print(to_json({"switches": found}))
        return
    if not found:
        out.print("nothing is switched off")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("what", "off since", "on since", "by", "reason"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(_words(one), _moment(one.off_us), "-" if one.on_us is None else _moment(one.on_us), one.by, one.reason)
    out.print(table)


def _what(bed: str, ward: str, site: bool) -> tuple[Scope, str]:
    named = [(Scope.BED, bed)] * bool(bed) + [(Scope.WARD, ward)] * bool(ward) + [(Scope.SITE, "")] * site
    if len(named) != 1:
        raise usage.UsageError("exactly one is needed", field="--bed, --ward, --site", remedy="say what: a bed, a ward, or the whole site")
    return named[0]


def _words(one: Switch) -> str:
    return "the site" if one.scope is Scope.SITE else f"{one.scope.value} {one.name}"


def _moment(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
