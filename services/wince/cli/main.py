"""`wince`: the command tree, and how errors become exit codes.

Exit codes: 0 done, 1 unexpected error or failed input, 2 usage, 3 input (video, protocol, corpus, message), 4 configuration,
5 model file, 6 another party (EHR, download), 7 this machine (disk, port, permission), 8 database, 9 broken promise (audit chain),
130 interrupted.
"""

from __future__ import annotations

import json
import sys

import typer
from rich.console import Console

from wince import __version__
from wince.cli import audit, config, doctor, lab, models, outbox, protocols, run
from wince.errors import WinceError

EPILOGUE = (
    "Research use, not validated, adjunct to a nurse's judgement. Exit codes: 0 done, 2 usage, 3 input, 4 configuration, "
    "5 model file, 6 another party, 7 this machine, 8 database, 9 broken promise."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EPILOGUE,
    help="Grades pain from a patient's face on video and writes it into the record, with a trail that proves it.",
)
app.command("run")(run.run)
app.add_typer(audit.app, name="audit")
app.add_typer(outbox.app, name="outbox")
app.command("doctor")(doctor.doctor)
app.add_typer(config.app, name="config")
app.add_typer(models.app, name="models")
app.add_typer(protocols.app, name="protocols")
app.add_typer(lab.app, name="lab")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wince {__version__}")
        raise typer.Exit


@app.callback()
def _root(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version and exit.")) -> None:
    """Options before the command."""


def main() -> None:
    """Run the command line; every error of ours becomes one message with its remedy and its exit code."""
    try:
        app()
    except WinceError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": error.code, "message": error.message, "field": error.field, "remedy": error.remedy}))
        Console(stderr=True, highlight=False, soft_wrap=True).print("wince: " + error.diagnostics(), markup=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
