"""`wince push`: pictures of a file or camera to capture, over gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from wince.cli import usage
from wince.cli.common import Json, out, settings, to_json


def push(
    path: Annotated[str, typer.Argument(metavar="PATH", help="Video file, or address of a network camera (rtsp://..., without a login).")],
    camera: Annotated[str, typer.Option("--camera", metavar="ID", help="The camera's id on capture's list, where it has push = true.")],
    to: Annotated[list[str], typer.Option("--to", metavar="HOST:PORT", help="Capture's address; repeat for further replicas.")],
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt. Done anyway where --ca or rpc.ca_file says whose certificates are believed.")
    ] = False,
    ca: Annotated[Path | None, typer.Option("--ca", help="Certificates of the authority, PEM; default: rpc.ca_file.")] = None,
    cert: Annotated[Path | None, typer.Option("--cert", help="Own certificate, PEM, where capture asks for one.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key, PEM.")] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="File that holds the bearer token alone.")] = None,
    plain: Annotated[bool, typer.Option("--plain-beyond-loopback", help="Send pictures of patients over the network unencrypted.")] = False,
    server_name: Annotated[str, typer.Option("--server-name", help="Name in capture's certificate, where --to is a number.")] = "",
    login_file: Annotated[Path | None, typer.Option("--login-file", help="File of one line, user:password, for a network camera.")] = None,
    camera_ca: Annotated[
        Path | None, typer.Option("--camera-ca", help="Authorities of an rtsps or https camera's certificate, or that itself, PEM.")
    ] = None,
    camera_name: Annotated[str, typer.Option("--camera-name", help="Name in the camera's certificate, where PATH says another.")] = "",
    camera_unchecked: Annotated[
        bool, typer.Option("--camera-unchecked-certificate", help="Take any certificate; any server that answers is told the login.")
    ] = False,
    udp: Annotated[bool, typer.Option("--udp", help="Read an RTSP camera over UDP instead of TCP.")] = False,
    rate: Annotated[float, typer.Option("--rate", help="Frames a second.")] = 5.0,
    rotation: Annotated[int, typer.Option("--rotation", help="Degrees clockwise that turn the picture upright.")] = 0,
    loop: Annotated[bool, typer.Option("--loop", help="Play the file over and over, until Ctrl-C.")] = False,
    json_: Json = False,
) -> None:
    """Push the pictures of a file or camera to capture, in their own time, until the file is over or Ctrl-C.

    This machine's clock must be kept by NTP: frames carry their time. Without TLS only for loopback and trusted wires.
    """
    from wince.cli import push_source
    from wince.clients import capture  # gRPC takes its time; other commands don't wait for it
    from wince.pipeline.capture.live import CAPACITY
    from wince.pipeline.capture.trust import Trust

    loaded = settings()
    target = capture.Target(tuple(to), tls, ca, cert, key, token_file, server_name, plain)
    with usage.reading("--to"):
        target.settings(loaded.rpc)
    transport: Literal["tcp", "udp"] = "udp" if udp else "tcp"
    trust = Trust(camera_ca, camera_name, camera_unchecked)
    source = push_source.source(
        path, camera, rate_hz=rate, rotation=rotation, loop=loop, login_file=login_file, transport=transport, trust=trust
    )
    pushed = capture.push(target, source, loaded.rpc, capacity=CAPACITY)
    if json_:
        print(to_json(pushed))
        return
    out.print(f"{pushed.frames} frames, {pushed.accepted} taken by capture, {pushed.dropped} dropped, {pushed.streams} streams")
