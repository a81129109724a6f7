"""`wince dicom`: for the PACS team. Objects that wait for a person; a storage server to try with; echo and send to another."""

from __future__ import annotations

import typer

from wince.cli.dicom.calling import echo, send
from wince.cli.dicom.listen import listen
from wince.cli.dicom.objects import drop, held, list_command, resolve

app = typer.Typer(no_args_is_help=True, help="Send and receive DICOM; list and resolve objects that wait for a person.")
app.command("list")(list_command)
app.command("held")(held)
app.command("resolve")(resolve)
app.command("drop")(drop)
app.command("listen")(listen)
app.command("echo")(echo)
app.command("send")(send)
