"""ORU: results a second on one connection, ours against a bare sender over the same kind of socket; both wait for each acknowledgement.

The receiver is a process of its own that answers AA: once it has written the message to a file and synced that, as AA promises; and one
that keeps nothing, which shows what a sender costs by itself. The bare sender writes the same bytes and reads up to the end of the frame,
without looking at what came. Ours looks whether the connection lives, and reads MSA and ERR.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from bench.delivery import _entry
from tests.support.certificates import Authority
from wince.delivery.interface import Outcome
from wince.delivery.oru.channel import Channel
from wince.delivery.oru.profiles.profile import Writing, load
from wince.delivery.oru.target import OruTarget
from wince.protocols.loader import load as load_protocol

OUT = Path(__file__).parent / "out"
MESSAGES = 100
ROUNDS = 15
_END = b"\x1c\r"


def _receiver(cert: str, key: str, file: str, answer: Connection) -> None:
    """Serves one connection after another, until it is told to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))
    answer.send(listener.getsockname()[1])
    with open(file or os.devnull, "ab", buffering=0) as kept:
        threading.Thread(target=_serve, args=(listener, context, kept if file else None), daemon=True).start()
        answer.recv()


def _serve(listener: socket.socket, context: ssl.SSLContext | None, kept: Any) -> None:
    while True:
        wire, _ = listener.accept()
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        served = context.wrap_socket(wire, server_side=True) if context is not None else wire
        buffer = b""
        while data := served.recv(1 << 16):
            buffer += data
            while _END in buffer:
                message, _, buffer = buffer.partition(_END)
                if kept is not None:
                    kept.write(message)
                    os.fdatasync(kept)
                control_id = message.split(b"|", 10)[9]
                served.sendall(b"\x0bMSH|^~\\&|E||W||20260101||ACK|1|P|2.5.1\rMSA|AA|" + control_id + b"\r" + _END)
        served.close()


@contextmanager
def _apart(cert: str, key: str, file: str) -> Iterator[int]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_receiver, args=(cert, key, file, theirs), daemon=True)
    process.start()
    try:
        yield int(ours.recv())
    finally:
        ours.send(None)
        process.join(10)
        process.kill()


def _bare(port: int, context: ssl.SSLContext | None, bodies: list[bytes]) -> float:
    """Messages a second."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = context.wrap_socket(plain, server_hostname="localhost") if context is not None else plain
        began = time.perf_counter()
        for body in bodies:
            wire.sendall(b"\x0b" + body + _END)
            said = b""
            while not said.endswith(_END):
                said += wire.recv(1 << 16)
        spent = time.perf_counter() - began
        wire.close()
    return len(bodies) / spent


def _ours(port: int, context: ssl.SSLContext | None, bodies: list[str], protocols: dict[str, Any]) -> float:
    channel = Channel("127.0.0.1", port, tls=context, server_name="localhost")
    target = OruTarget("oru", channel, protocols, Writing(load("v251"), version="bench"))
    target.probe()
    target.deliver(bodies[0])  # connects, as the bare sender has
    began = time.perf_counter()
    for body in bodies:
        if (done := target.deliver(body, first=True)).outcome is not Outcome.WRITTEN:
            raise RuntimeError(done.detail)
    spent = time.perf_counter() - began
    channel.close()
    return len(bodies) / spent


def run() -> dict[str, Any]:
    """Messages a second without and with TLS; the ratio is the median of the rounds' ratios. And what rendering takes."""
    protocols = {"activity": load_protocol("activity")}
    target = OruTarget("oru", Channel("127.0.0.1", 9), protocols, Writing(load("v251"), version="bench"))
    entries = [replace(_entry(number), id=uuid4()) for number in range(MESSAGES)]
    began = time.process_time()
    bodies = [str(target.render(entry)) for entry in entries]
    rendering = (time.process_time() - began) / len(entries) * 1000
    rows: list[dict[str, Any]] = []
    OUT.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=OUT)))
        authority = Authority(folder)
        shown = tuple(map(str, authority.issue("localhost")))
        trusted = ssl.create_default_context(cafile=str(authority.file))
        for file, receiver, aim in ((str(folder / "kept"), "that syncs each to disk", 0.9), ("", "that keeps nothing", None)):
            for kind, context, files in (("MLLP", None, ("", "")), ("MLLP over TLS", trusted, shown)):
                port = stack.enter_context(_apart(*files, file))
                rows.append(_row(f"results a second by {kind}, to a receiver {receiver}", aim, port, context, bodies, protocols))
    made = {"ours": round(rendering, 3), "rival_name": "", "rival": None, "ratio": None, "aim": None, "unit": "ms"}
    rows.append({"figure": "one ORU^R01, rendered", **made})
    return {"title": "ORU", "rows": rows}


def _row(
    figure: str, aim: float | None, port: int, context: ssl.SSLContext | None, bodies: list[str], protocols: dict[str, Any]
) -> dict[str, Any]:
    plain = [body.encode() for body in bodies]
    rounds = [(_ours(port, context, bodies, protocols), _bare(port, context, plain)) for _ in range(ROUNDS)]
    return {
        "figure": figure,
        "ours": round(median(ours for ours, _ in rounds)),
        "rival_name": "bare sender, same socket",
        "rival": round(median(bare for _, bare in rounds)),
        "ratio": round(median(ours / bare for ours, bare in rounds), 2),
        "aim": aim,
        "unit": "1/s",
    }
