"""`wince hl7`: for the interface engineer. Sends and receives messages, and looks after those that could not be understood."""

from __future__ import annotations

import typer

from wince.cli.hl7 import parked
from wince.cli.hl7.listen import listen
from wince.cli.hl7.send import send

app = typer.Typer(no_args_is_help=True, help="Send and receive HL7 v2 messages; list, show, replay and drop parked ones.")
app.command("send")(send)
app.command("listen")(listen)
app.add_typer(parked.app, name="parked")
