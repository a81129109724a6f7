"""`wince lab`: what a data scientist does. Here: drawing faces whose action units are known exactly."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, help="Data and models: drawn faces with known action units.")
