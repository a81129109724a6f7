"""`wince lab`: what a data scientist does, one file a command or group of commands."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from wince.cli.lab import corpus, evaluate, pack, synthesize, train


class OrderedCommands(TyperGroup):
    """Lists its commands in the order in which they are used."""

    def list_commands(self, ctx: object) -> list[str]:
        """From drawn faces to a server."""
        return ["synthesize", "corpus", "train", "evaluate", "pack"]


app = typer.Typer(
    cls=OrderedCommands,
    no_args_is_help=True,
    help="Drawn faces with known action units, the default scorer, a site's own models.",
)
DRAW, LEARN, GO_LIVE = "Draw faces whose truth is known", "Train and measure the default scorer", "A site's own models"
app.command("synthesize", rich_help_panel=DRAW)(synthesize.synthesize)
app.command("corpus", rich_help_panel=DRAW)(corpus.corpus)
app.add_typer(train.app, name="train", rich_help_panel=LEARN)
app.add_typer(evaluate.app, name="evaluate", rich_help_panel=LEARN)
app.command("pack", rich_help_panel=GO_LIVE)(pack.pack)
