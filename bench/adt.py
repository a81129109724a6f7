"""ADT over MLLP: messages a second, each acknowledged after its commit in PostgreSQL, against two listeners that keep nothing.

Rivals: Medplum's Hl7Server (npm, @medplum/hl7), which parses a message and answers; hl7apy's MLLPServer, which parses, answers and closes
the connection after every message. Ours parses, decides who lies where, writes movement, stay and audit trail, answers after the COMMIT.
The same admissions of as many patients, sent by the same sender, a process of its own, over loopback; each listener is a process too.
"""

from __future__ import annotations

import multiprocessing
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from bench import Unmeasurable
from wince.errors import ResourceError
from wince.hl7.client import MllpClient
from wince.hl7.frames import framed
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.local import npm
from wince.local.postgres.server import EmbeddedPostgres
from wince.store.database import Database
from wince.store.migrate import migrate
from wince.store.stays import PostgresCensus
from wince.testing.hl7 import Person, adt
from wince.testing.peers import mllp

MESSAGES, ROUNDS, AHEAD, CONNECTIONS, APART = 1000, 3, 64, 4, 200
Send = Callable[[int, Sequence[bytes]], None]


def _texts(number: int, count: int) -> list[bytes]:
    """Admissions that no round before had."""
    named = [f"{number}-{n}" for n in range(count)]
    return [adt("A01", Person(f"P{one}", "Muster"), f"W^{number}^{one}", f"V{one}", 10**15, control_id=f"C{one}").encode() for one in named]


def _pipelined(port: int, messages: Sequence[bytes]) -> None:
    """One connection, AHEAD messages on their way at once."""
    with MllpClient("127.0.0.1", port) as client:
        for _, (answer,) in client.pipeline(messages, AHEAD):
            assert b"|AA|" in answer


def _one_by_one(port: int, messages: Sequence[bytes]) -> None:
    with MllpClient("127.0.0.1", port) as client:
        for message in messages:
            assert b"|AA|" in client.send(message)


def _beside(port: int, messages: Sequence[bytes]) -> None:
    """CONNECTIONS connections, each one by one."""
    parts = [messages[first::CONNECTIONS] for first in range(CONNECTIONS)]
    threads = [threading.Thread(target=_one_by_one, args=(port, part)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _apart(port: int, messages: Sequence[bytes]) -> None:
    """A connection for every message."""
    for message in messages[:APART]:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
            wire.sendall(framed(message))
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                answer += wire.recv(4096)
            assert b"|AA|" in answer


def _sender(asked: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (wanted := asked.recv()) is not None:
        name, port, messages = wanted
        began = time.perf_counter()
        globals()[name](port, messages)
        asked.send(time.perf_counter() - began)


def _ours(dsn: str, answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Database(dsn) as database, AdtListener(PostgresCensus(database), Site()) as listener:
        answer.send(listener.port)
        answer.recv()


def _hl7apy(answer: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from hl7apy.core import Message
    from hl7apy.mllp import AbstractHandler, MLLPServer
    from hl7apy.parser import parse_message

    class Accept(AbstractHandler):  # type: ignore[misc]
        def reply(self) -> str:
            taken = parse_message(self.incoming_message)
            said = Message("ACK", version="2.5.1")
            said.msa.msa_1, said.msa.msa_2 = "AA", taken.msh.msh_10
            return str(said.to_mllp())

    server = MLLPServer("127.0.0.1", 0, {"ADT^A01^ADT_A01": (Accept,)})
    answer.send(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer.recv()


@contextmanager
def _apart_process(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        ours.send(None)
        process.join(10)
        process.kill()


def run() -> dict[str, Any]:
    """Messages a second of each way of sending, the median round."""
    if reason := npm.available():
        raise Unmeasurable(reason)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            medplum = stack.enter_context(mllp.server())
        except ResourceError as error:
            raise Unmeasurable(error.diagnostics()) from None
        dsn = stack.enter_context(EmbeddedPostgres(folder / "postgres")).dsn()
        with Database(dsn) as database:
            migrate(database)
        ours = stack.enter_context(_apart_process(_ours, dsn)).recv()
        hl7apy = stack.enter_context(_apart_process(_hl7apy)).recv()
        sender = stack.enter_context(_apart_process(_sender))

        def rate(way: str, port: int, number: int, count: int) -> float:
            sender.send((way, port, _texts(number, count)))
            return count / float(sender.recv())

        rows, number = [], 0
        for figure, way, rival, port, count, aim in (
            (f"one connection, {AHEAD} on their way at once", "_pipelined", "Medplum's server, keeps nothing", medplum, MESSAGES, 1.0),
            ("one connection, one by one", "_one_by_one", "the same", medplum, MESSAGES, None),
            (f"{CONNECTIONS} connections, one by one", "_beside", "the same", medplum, MESSAGES, None),
            ("a connection for every message", "_apart", "hl7apy's server, keeps nothing", hl7apy, APART, 1.0),
        ):
            mine, theirs = [], []
            for _ in range(ROUNDS):
                number += 1
                mine.append(rate(way, ours, number, count))
                theirs.append(rate(way, port, number, count))
            rows.append(
                {
                    "figure": f"ADT with durable ACK, {figure}",
                    "ours": median(mine),
                    "rival_name": rival,
                    "rival": median(theirs),
                    "ratio": median(mine) / median(theirs),
                    "aim": aim,
                    "unit": "/s",
                }
            )
    return {"title": "ADT over MLLP", "rows": rows}
