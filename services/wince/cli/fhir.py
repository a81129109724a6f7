"""`wince fhir`: what would be written into a FHIR record, and the package that explains it to a server."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from wince.cli.common import Json, out, settings
from wince.errors import InputError, ResourceError

app = typer.Typer(no_args_is_help=True, help="What is written into a FHIR record: a preview of a clip, the package of profiles and terms.")

Profile = Literal["r4", "epic", "oracle"]


@app.command("preview")
def preview(
    clip: Annotated[Path, typer.Argument(help="Video or picture.", exists=True, dir_okay=False)],
    profile: Annotated[Profile | None, typer.Option(help="Write profile; the one that is set where it is left out.")] = None,
    json_: Json = False,
) -> None:
    """Print the resources that a clip would give, for a made-up patient, validated. Nothing is sent, and no EHR is needed.

    Without --json: one line a resource. With it: a JSON array of resources.
    """
    from wince.assess.preview import preview as made
    from wince.serve.writing import writing

    chosen = settings() if profile is None else settings().model_copy(update={"ehr_profile": profile})
    how = writing(chosen, None)
    resources, wrong = made(clip, chosen, how)
    if json_:
        print(json.dumps(resources, indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False)
        for column in ("resource", "status", "what", "from", "to"):
            table.add_column(column, overflow="fold")
        for one in resources:
            period = one.get("effectivePeriod") or one.get("occurredPeriod") or {}
            what = one.get("text", {}).get("div", "") if "text" in one else ""
            said = unescape(what.split("<p>", 1)[-1].split("</p>", 1)[0])
            start, end = period.get("start", ""), period.get("end", one.get("effectiveDateTime", ""))
            table.add_row(one["resourceType"], one.get("status", ""), said, start, end)
        out.print(table)
        out.print(f"{len(resources)} resources under write profile {how.profile.name}, each valid R4; --json prints them", highlight=False)
    if wrong:
        first = wrong[0]
        raise InputError(f"{first.rule}: {first.text}", field=first.path, remedy="this is a defect of the mapping: please report it")


@app.command("package")
def package(target: Annotated[Path, typer.Argument(help="File to write, such as wince.fhir.tgz.")]) -> None:
    """Write profiles, extensions, code systems, value sets, a concept map, capability statements and examples as a FHIR package (.tgz)."""
    from wince.delivery.fhir.guide.package import package as made
    from wince.protocols import loader
    from wince.serve import protocols

    folders = protocols.folders(settings())
    body = made({name: loader.load(name, folders) for name in loader.available(folders)})
    try:
        target.write_bytes(body)
    except OSError as error:
        raise ResourceError(f"can't be written: {error.strerror}", field=target, remedy="choose another file") from error
    out.print(f"{target}: {len(body)} bytes", highlight=False)
