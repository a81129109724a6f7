"""`wince hl7 listen`: a receiver for a dry look at what Wince sends. It prints and acknowledges, and misbehaves on request."""

from __future__ import annotations

import ssl
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from wince.cli import usage
from wince.cli.common import Json, out, to_json
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.testing.hl7.receiver import HOWS, RIGHT, Fault, Receiver, Taken


def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any free one.")] = 2575,
    host: Annotated[str, typer.Option(help="Address; beyond this machine it needs --cert.")] = "127.0.0.1",
    cert: Annotated[Path | None, typer.Option("--cert", help="Certificate (PEM): speak TLS.")] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key (PEM); else it stands in --cert.")] = None,
    client_ca: Annotated[Path | None, typer.Option("--client-ca", help="Authority (PEM) of senders' certificates: want one.")] = None,
    answer: Annotated[list[str] | None, typer.Option("--answer", help=f"Misbehave: {', '.join(HOWS)}; AE:204, late:5. In turn.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Misbehave at each so many messages only.")] = 1,
    count: Annotated[int, typer.Option(min=0, help="End after so many messages; 0: at Ctrl-C.")] = 0,
    json_: Json = False,
) -> None:
    """Print every message that comes, and acknowledge it. What it prints names patients.

    A message whose control id came before is marked: a receiver with a duplicate check files it once.
    """
    if not loopback(host) and cert is None:
        raise usage.UsageError("would take patients' results unencrypted", field=f"--host={host}", remedy="give --cert and --key")
    try:
        faults = [Fault.of(text) for text in answer or []]
    except ConfigError as error:
        raise usage.UsageError(error.message, field=f"--answer={error.field}", remedy=error.remedy) from None

    def script(number: int) -> Fault:
        turn, rest = divmod(number + 1, every)
        return RIGHT if rest or not faults else faults[(turn - 1) % len(faults)]

    def told(taken: Taken) -> None:
        text = taken.raw.decode("utf-8", "replace")
        if json_:
            print(to_json({"control_id": taken.control_id, "again": taken.again, "answered": taken.answered, "message": text}), flush=True)
            return
        out.print(f"-- {taken.control_id}{' again' if taken.again else ''}: {taken.answered}", highlight=False, markup=False)
        out.print(text.replace("\r", "\n").rstrip("\n"), highlight=False, markup=False, soft_wrap=True)

    with Receiver(told, host=host, port=port, tls=_context(cert, key, client_ca), script=script) as receiver:
        print(f"listening on {host}:{receiver.port}", file=sys.stderr, flush=True)
        try:
            while not count or len(receiver.came) < count:
                time.sleep(0.1)
            time.sleep(0.2)  # the last answer is on its way
        except KeyboardInterrupt:
            pass
        filed, came = len(receiver.filed), len(receiver.came)
    if not json_:
        out.print(f"{came} came, {filed} filed")


def _context(cert: Path | None, key: Path | None, client_ca: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None or client_ca is not None:
            raise usage.UsageError("needs a certificate", field="--key" if key is not None else "--client-ca", remedy="give --cert too")
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        made.load_cert_chain(cert, key)
        if client_ca is not None:
            made.load_verify_locations(client_ca)
            made.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise usage.UsageError(f"can't be used ({type(error).__name__})", field="--cert", remedy="give readable PEM files") from None
    return made
