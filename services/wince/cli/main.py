"""`wince`: the command tree, and how errors become exit codes.

The codes are listed in `exit_codes.py`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from wince.cli.exit_codes import in_one_line
from wince.cli.outline import summary
from wince.cli.usage import UsageError
from wince.control import REMEDY, WORDS, has_control
from wince.errors import WinceError
from wince.local.stopping import Stopped, finish, stoppable
from wince.version import VERSION

if TYPE_CHECKING:  # until `main` minds signals, Ctrl-C would show a traceback: the long imports come after that
    import typer

EPILOGUE = f"Research use, not validated, adjunct to a nurse's judgement. Exit codes: {in_one_line()}."

COMPLETE = "_WINCE_COMPLETE"
"""Variable by which a shell asks what a line could go on with: that takes every option of every command."""
COMMANDS = (
    "assess", "run", "serve", "up", "status", "watch", "census", "push", "switch", "consent", "retract", "retention", "research",
    "migrate", "audit", "outbox", "sources", "ehr", "fhir", "hl7", "dicom", "kafka", "token", "doctor", "config", "models",
    "protocols", "lab",
)  # fmt: skip
"""Each is a module of this package: with `app`, a group of commands; else with a function of its own name."""


def build(names: Iterable[str] = COMMANDS, *, outline: bool = False) -> typer.Typer:
    """The command tree with these commands. Only their modules are imported: a clip's first result shall not wait for a database client.

    `outline`: names and summaries alone, for a call that names no command; nothing is imported.
    """
    import typer

    from wince.cli.paragraphs import join_help

    app = typer.Typer(
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        epilog=EPILOGUE,
        help="Grades pain from a patient's face on video and writes it into the record, with a trail that proves it.",
    )

    def version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"wince {VERSION}")
            raise typer.Exit

    shown = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version and exit.")

    more = typer.Option(0, "--verbose", "-v", count=True, show_default=False, metavar="", help="Log more; -vv logs everything.")
    less = typer.Option(False, "--quiet", "-q", help="Log errors only; show results without progress and notes.")

    def root(version: bool = shown, verbose: int = more, quiet: bool = less) -> None:
        """Options before the command."""
        from wince.cli.verbosity import set_verbosity

        set_verbosity(verbose, quiet=quiet)

    app.callback()(root)
    for name in names:
        if outline:
            text, group = summary(name)
            if group:
                app.add_typer(typer.Typer(help=text), name=name)
            else:
                app.command(name, help=text)(lambda: None)
            continue
        module = importlib.import_module(f"wince.cli.{name}")
        if hasattr(module, "app"):
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    join_help(app)
    return app


def main() -> None:
    """Run the command line; every error of ours becomes one message with its remedy and its exit code."""
    try:
        with stoppable():
            _words(sys.argv[1:])
            command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
            tree = build([command]) if command in COMMANDS else build(outline=COMPLETE not in os.environ)
            tree(prog_name="wince")
    except WinceError as error:
        _say(error.code, error.message, error.field, error.remedy, error.diagnostics())
        sys.exit(error.exit_code)
    except Stopped as stop:
        _say("stopped", str(stop), "", "", str(stop))
        finish()
        leave(stop.exit_code)
    except KeyboardInterrupt:  # before signals are minded
        _say("stopped", "stopped by SIGINT", "", "", "stopped by SIGINT")
        sys.exit(130)
    finally:
        finish()


def _words(given: Sequence[str]) -> None:
    """No word of the command line holds a control character, but the name of a file that there is. Raises UsageError."""
    option = ""
    for word in given:
        named, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        if has_control(word) and not os.path.lexists(value):
            field = named if equals else option
            raise UsageError(WORDS, field=field if not has_control(field) else "", remedy=REMEDY)
        option = word if word.startswith("-") else ""


def leave(code: int) -> None:
    """End now. Everything was ended in order; a library's own threads, cut off in the middle of their work, can still abort the
    interpreter on its way out ("terminate called without an active exception", seen once in some hundred stops)."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _say(code: str, message: str, field: str, remedy: str, text: str) -> None:
    """For a program on standard output where it asked for JSON, and always for a person on standard error."""
    if "--json" in sys.argv:
        print(json.dumps({"error": code, "message": message, "field": field, "remedy": remedy}), flush=True)
    print("wince: " + text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
