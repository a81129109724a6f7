"""Medplum's MLLP client and server (npm, @medplum/hl7) as peers: a sender beside which ours must hold, and a listener to compare with."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wince.errors import ResourceError
from wince.local.npm import installed
from wince.telemetry.output import last_lines

FOLDER = "mllp"


@dataclass(frozen=True, slots=True)
class Sent:
    """What came back."""

    answers: tuple[tuple[str, str], ...]
    """MSA-1 and MSA-2 of each message, in the order of the messages."""
    seconds: float
    """From the first message to the last answer."""


def send(
    host: str, port: int, messages: Sequence[str], *, ahead: int, tls: Mapping[str, str] | None = None, timeout_s: float = 240.0
) -> Sent:
    """Medplum's client sends messages on one connection, `ahead` of them on their way at once. `tls`: files `ca`, `cert`, `key` (PEM).

    Raises ResourceError where it can't run or is not answered.
    """
    wanted = json.dumps({"host": host, "port": port, "messages": list(messages), "ahead": ahead, "tls": tls})
    command = ["node", str(installed(FOLDER) / "client.mjs")]
    try:
        done = subprocess.run(command, input=wanted, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        raise ResourceError(f"Medplum's client did not end within {timeout_s} s", field="peers") from None
    if done.returncode != 0:
        raise ResourceError(f"Medplum's client failed: {last_lines(done.stderr)}", field="peers")
    said = json.loads(done.stdout)
    return Sent(tuple((code, control) for code, control in said["answers"]), said["seconds"])


@contextmanager
def server() -> Iterator[int]:
    """Medplum's server on 127.0.0.1; its port."""
    with receiver() as (port, _):
        yield port


@contextmanager
def receiver(*options: str) -> Iterator[tuple[int, Iterator[str]]]:
    """Medplum's server with options of `server.mjs`; its port, and the lines that it prints then."""
    command = ["node", str(installed(FOLDER) / "server.mjs"), *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if not line.strip().isdigit():
                raise ResourceError("Medplum's server did not come up", field="peers")
            yield int(line), iter(process.stdout.readline, "")
        finally:
            process.terminate()
