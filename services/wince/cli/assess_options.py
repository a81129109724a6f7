"""Options of `wince assess` that say how inputs are looked at, and how a network camera is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_LOOK, _CAMERA = "How inputs are looked at", "A network camera (rtsp://HOST/PATH)"

Region = Annotated[
    str | None,
    typer.Option(
        "--region",
        metavar="X0,Y0,X1,Y1",
        help="The bed's region in the upright picture: shares of width and height, 0 to 1, from the top left corner. Faces outside it "
        "are not the patient's.",
        rich_help_panel=_LOOK,
    ),
]
Rotation = Annotated[
    int,
    typer.Option(
        "--rotation", metavar="0|90|180|270", help="Degrees clockwise that turn the picture upright.", show_default=False,
        rich_help_panel=_LOOK,
    ),
]  # fmt: skip
Rate = Annotated[
    float | None,
    typer.Option(
        "--rate",
        metavar="HZ",
        help="Frames sampled a second, at most 30; default: the protocol's. What the protocol counts in frames lasts as long as before. "
        "Of a TIFF with several pages: its pages a second.",
        rich_help_panel=_LOOK,
    ),
]
Face = Annotated[
    int | None,
    typer.Option(
        "--face",
        metavar="N",
        help="Of several faces the patient's: numbered as they are first seen, left to right. The result's notes name the numbers. "
        "It is followed as a patient always is.",
        rich_help_panel=_LOOK,
    ),
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", metavar="N", help="How long a camera is looked at, from its first picture on.", rich_help_panel=_CAMERA),
]
LoginFile = Annotated[
    Path | None,
    typer.Option("--login-file", metavar="FILE", help="File of one line, user:password. An address may hold neither.",
                 rich_help_panel=_CAMERA),
]  # fmt: skip
CameraCa = Annotated[
    Path | None,
    typer.Option("--camera-ca", metavar="FILE", help="Authorities of an rtsps or https camera's certificate, or that itself, PEM.",
                 rich_help_panel=_CAMERA),
]  # fmt: skip
CameraName = Annotated[
    str, typer.Option("--camera-name", help="Name in the camera's certificate, where the address says another.", rich_help_panel=_CAMERA)
]
Overlay = Annotated[
    Path | None,
    typer.Option(
        "--overlay",
        metavar="FILE.mp4|DIR",
        help="Write the film with the face's outline, units, score, grade and alerts; of several inputs into a folder. It has no sound, "
        "and it shows the patient.",
    ),
]
