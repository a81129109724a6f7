"""`wince protocols`: which clinical protocols there are, and what each says of itself."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from rich.table import Table

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json
from wince.domain.routing import Person, ward_of
from wince.errors import ProtocolError
from wince.models import site
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.serve import protocols

app = typer.Typer(no_args_is_help=True, help="Clinical protocols, one TOML file each, and which of them would grade a stay.")


@app.command("list")
def list_command(json_: Json = False) -> None:
    """Every protocol: name, population, scale, and whether it can grade here."""
    folders = protocols.folders(settings())
    rows = []
    for name in loader.available(folders):
        rules = loader.load(name, folders)
        try:
            loader.check_models(rules, site.known(settings().models_dir))
            ready = "ready"
        except ProtocolError as error:
            ready = error.message.removeprefix(f"protocol {name!r} ")
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
    """What a protocol is for, whom it may judge, its published figures and their traps, and which of its numbers are ours."""
    loaded = settings()
    rules = loader.load(usage.protocol(name, loaded, "NAME"), protocols.folders(loaded))
    if json_:
        print(to_json(asdict(rules)))
        return
    for line in explained(rules, _state(rules)):
        out.print(line, markup=False)


@app.command("route")
def route(
    ward: Annotated[str, typer.Option(metavar="WARD", help="Ward as in PV1-3.1; needed without --bed.")] = "",
    bed: Annotated[str, typer.Option(metavar="BED", help="Bed as in PV1-3: POINTOFCARE^ROOM^BED.")] = "",
    born: Annotated[str, typer.Option(metavar="DATE", help="Birth date, YYYY-MM-DD; absent: unknown.")] = "",
    gestation: Annotated[float | None, typer.Option(metavar="WEEKS", help="Gestational age at birth; absent: unknown.")] = None,
    on: Annotated[str, typer.Option(metavar="DATE", help="The day that is asked about; absent: today (UTC).")] = "",
    empty: Annotated[bool, typer.Option("--nobody", help="Nobody is known to lie there, or two are claimed.")] = False,
    json_: Json = False,
) -> None:
    """Which protocol would grade a stay, which would look on, and what each rule under `routing` came to. Nothing is graded."""
    if not (ward or bed) or (ward and bed and ward_of(bed) != ward):
        raise usage.UsageError("names no one place", field="--ward, --bed", remedy="give one of them, or a bed of that ward")
    loaded = settings()
    every = {name: loader.load(name, protocols.folders(loaded)) for name in (loaded.protocol, *(rule.protocol for rule in loaded.routing))}
    person = None if empty else Person(_day(born, "--born") if born else None, gestation)
    found = protocols.routes(loaded, every).route(bed or f"{ward}^^", person, _day(on, "--on") if on else datetime.now(UTC).date())
    if json_:
        population = None if found.grades else loaded.protocol
        print(to_json({"grades": found.grades, "shadows": found.shadows, "says_population": population, "rules": found.why}))
        return
    out.print(_row("grades", found.grades or f"nobody: {loaded.protocol} says `population` in every window"), markup=False)
    out.print(_row("looks on", ", ".join(found.shadows) or "nobody"), markup=False)
    for number, why in enumerate(found.why, 1):
        out.print(_row(f"rule {number}" if loaded.routing else "no rules", why), markup=False)


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise usage.UsageError("is no date", field=option, remedy="such as 2026-01-31") from None


def _state(rules: ClinicalProtocol) -> str:
    """Whether the protocol can grade here, or what it lacks and what to do."""
    try:
        loader.check_models(rules, site.known(settings().models_dir))
    except ProtocolError as error:
        return f"can't grade: {error.message}; {error.remedy}"
    return "ready"


def explained(rules: ClinicalProtocol, state: str) -> list[str]:
    """A protocol in lines for people."""
    population, detect, window, estimate = rules.population, rules.detect, rules.window, rules.estimate
    ages = f", from {population.min_age}" if population.min_age else ""
    ages += f", below {population.max_age}" if population.max_age else ""
    lines = [f"{rules.title} ({rules.name}, version {rules.version}, rule {rules.rule[:12]})", f"  {rules.report.label}"]
    lines += [_row("state", state), _row("population", f"{population.name}{ages}, {population.state}")]
    lines += [_row("includes", text) for text in population.inclusions]
    lines += [_row("excludes", text) for text in population.exclusions]
    lines += [_row("filming", detect.filming)] if detect.filming else []
    lines += [_row("scale", f"{rules.scale.name}; {rules.scale.source}")]
    lines += [_row("", f"{grade.name} from {grade.min:g}") for grade in rules.scale.grades]
    lines += [_row("detector", f"{detect.detector}, crop by {detect.crop}{_dim(detect.dim_share)}")]
    kinds = [f"{member.name} ({member.backbone}, {member.sees}, starts from {member.start})" for member in estimate.members]
    lines += [_row("models", f"one of {len(kinds)} candidates, trained by the site")] if estimate.choose else []
    lines += [_row("model", kind) for kind in kinds] or [_row("scorer", f"{estimate.scorer}, runs without site data")]
    lines += [_row("reference", "of the same patient may be used" if estimate.reference else "none is used")]
    lines += [_row("window", f"{window.length_s:g} s, at least {window.min_share:.0%} assessable, {detect.rate_hz:g} frames/s")]
    lines += [_row("a grade", f"holds after {rules.grade.debounce_frames} equal frames")]
    lines += [_row("a nurse", f"is asked below a confidence of {rules.grade.min_confidence:g}")]
    for head, texts in (("published", rules.report.published), ("trap", rules.report.traps), ("ours", rules.report.ours)):
        lines += [_row(head, text) for text in texts]
    return lines


def _row(head: str, text: str) -> str:
    return f"{head:<11} {text}"


def _dim(share: float) -> str:
    return f"; a clip with {share:.0%} of its frames dark is left out whole" if share else ""
