"""`wince hl7 send`: a file's messages over MLLP to a listener, ours or another, with each acknowledgement."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from wince.cli.common import Json, out, to_json
from wince.cli.peer import address, context
from wince.errors import DataError
from wince.hl7 import files, modes
from wince.hl7.client import MllpClient
from wince.hl7.header import read_header

MOST_BYTES = 256 << 20


def send(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One message or many, plain or in MLLP frames; - is standard input.")],
    to: Annotated[str, typer.Option("--to", metavar="HOST:PORT", help="The listener.")],
    tls: Annotated[bool, typer.Option("--tls", help="Speak TLS; implied by the next options.")] = False,
    ca: Annotated[Path | None, typer.Option("--ca", help="Authority (PEM) of the listener's certificate; else the system's.")] = None,
    cert: Annotated[Path | None, typer.Option("--cert", help="Our certificate (PEM), where the listener wants one.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key (PEM); else it stands in --cert.")] = None,
    server_name: Annotated[str, typer.Option("--server-name", help="Name in the listener's certificate, where --to is a number.")] = "",
    repeat: Annotated[int, typer.Option(min=1, help="How many times to send the file.")] = 1,
    ahead: Annotated[int, typer.Option(min=1, max=1000, help="So many messages on their way at once.")] = 1,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an acknowledgement.")] = 30.0,
    keep_going: Annotated[bool, typer.Option("--keep-going", help="Go on after a message that is refused.")] = False,
    json_: Json = False,
) -> None:
    """Send FILE's messages on one connection and print each acknowledgement.

    Exit code 0: all were taken (AA, CA). 3: one was refused (AE, AR, CE, CR); without --keep-going nothing is sent after it. 6: the
    listener can't be reached, or an acknowledgement is missing.
    """
    host, port = address(to, "--to", "HOST:PORT, such as 127.0.0.1:2575")
    secured = context(ca, cert, key) if tls or ca or cert or key or server_name else None
    messages = files.messages(_read(file)) * repeat
    began, refused, taken, quiet = time.monotonic(), 0, 0, 0
    with MllpClient(host, port, timeout_s=timeout, tls=secured, server_name=server_name) as client:
        for message, answers in client.pipeline(messages, ahead, _due):
            said = [_meaning(answer) for answer in answers]
            good = all(code in ("AA", "CA") for code, _, _ in said)
            quiet, taken, refused = quiet + (not said), taken + bool(said and good), refused + (not good)
            if json_:
                shown = [answer.decode("utf-8", "replace") for answer in answers]
                print(to_json({"control_id": _control_id(message), "codes": [code for code, _, _ in said], "acknowledgements": shown}))
            else:
                for code, control, text in said or [("-", _control_id(message), "wants no acknowledgement")]:
                    out.print(f"{control or '-'}  {code or 'no MSA'}  {text}".rstrip())
            if refused and not keep_going:
                break
    left = len(messages) - taken - refused - quiet
    if not json_:
        rest = (f", {quiet} want no acknowledgement" if quiet else "") + (f", {left} not sent or not read" if left else "")
        out.print(f"{taken} taken, {refused} refused{rest}, {time.monotonic() - began:.2f} s")
    if refused:
        raise typer.Exit(3)


def _due(message: bytes, answers: Sequence[bytes]) -> bool:
    """In enhanced mode a message may get no acknowledgement, or two."""
    header = read_header(message)
    if not modes.enhanced(header):
        return not answers
    if not answers:
        return modes.told(header, taken=True)
    return len(answers) == 1 and _meaning(answers[0])[0] == "CA" and modes.wants(header, 16, taken=True)


def _control_id(message: bytes) -> str:
    header = read_header(message)
    return header.control_id if header is not None else ""


def _read(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return typer.get_binary_stream("stdin").read(MOST_BYTES)
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(error.strerror or "can't be read", field=f"FILE={file.name}", remedy="name a readable file") from None
    if len(data) > MOST_BYTES:
        raise DataError("too long", field=f"FILE={file.name}", remedy=f"at most {MOST_BYTES >> 20} MiB")
    return data


def _meaning(answer: bytes) -> tuple[str, str, str]:
    """MSA-1, MSA-2, and what the listener says beside them (MSA-3, else ERR's texts)."""
    header = read_header(answer)
    separator = header.separator if header is not None else "|"
    lines = [line.split(separator) for line in answer.decode("utf-8", "replace").replace("\n", "\r").split("\r")]
    _, code, control, text = [*next((line for line in lines if line[0] == "MSA"), []), "", "", "", ""][:4]
    err = next((line for line in lines if line[0] == "ERR"), [])
    return code, control, " ".join((text or " ".join(part for part in err[2:9] if part)).split())
