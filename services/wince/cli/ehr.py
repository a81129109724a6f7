"""`wince ehr`: signing in at the EHR, and what its chart shows of what was written."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Annotated

import typer

from wince.cli.common import Json, out, settings, to_json
from wince.delivery import readback
from wince.delivery.interface import Result
from wince.fhir.keys import key_set
from wince.serve import ehr
from wince.serve.reading import reading
from wince.serve.targets import every

app = typer.Typer(no_args_is_help=True, help="The EHR: public keys to register there, and what its chart shows of what was written.")


@app.command("jwks")
def jwks() -> None:
    """Print the public keys as a JSON Web Key Set: the one in use, and the next one where one is set. Register them at the EHR, or publish
    them where ehr_key_set_url says. Nothing private is printed."""
    print(key_set(ehr.keys(settings())))


@app.command("readback")
def readback_command(
    count: Annotated[int, typer.Option(help="How many entries, at random; half of them of the last day.", min=1, max=1000)] = 20,
    json_: Json = False,
) -> None:
    """Read written entries back from the EHR, and tell where its chart shows something else (status, value, patient, version).

    A running Wince does so by itself (ehr_readback_per_hour). Exit code 1 where something differs or is gone.
    """
    chosen = settings()
    every.require(chosen)  # without a target nothing was written that could be read back
    with reading(chosen, write=True) as database, ExitStack() as stack:
        targets = every.targets(chosen, {}, stack, database)
        found = [item for target in targets for item in readback.run(database, target, count)]
    wrong = [item for item in found if item.shown.result in (Result.DIFFERS, Result.GONE)]
    if json_:
        print(to_json({"read": len(found), "wrong": wrong}))
    else:
        counts = Counter(item.shown.result.value for item in found)
        out.print(
            f"{len(found)} read back: " + (", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "nothing is written")
        )
        for item in wrong:
            what = ", ".join(item.shown.differs) or "gone"
            out.print(f"{item.entry} revision {item.revision} at {item.target}, {item.location}: {what}")
    if wrong:
        raise typer.Exit(1)
