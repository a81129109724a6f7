"""A peer that says exactly what a test wants, byte by byte."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from wince.dicom.scp import command, pdu, tables
from wince.dicom.scp.interface import Received
from wince.dicom.scp.tables import Status

VL = "1.2.840.10008.5.1.4.1.1.77.1.4"
INSTANCE = "1.2.826.0.1.3680043.8.498.1"


class Keeping:
    """A keeper that remembers what it was given; `answer`: what it says."""

    def __init__(self, answer: Status = Status.SUCCESS) -> None:
        self.answer, self.received = answer, list[tuple[Received, bytes]]()

    def keep(self, received: Received) -> Status:
        self.received.append((received, received.path.read_bytes()))
        return self.answer

    def kept(self, references: Sequence[tuple[str, str]]) -> list[bool]:
        return [instance == INSTANCE for _, instance in references]


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def associate(
    called: str = "WINCE",
    calling: str = "CART",
    contexts: Sequence[tuple[int, str, Sequence[str]]] = ((1, VL, (tables.EXPLICIT,)), (3, tables.VERIFICATION, (tables.IMPLICIT,))),
    *,
    version: int = 1,
    context: str = tables.APPLICATION_CONTEXT,
) -> bytes:
    """An A-ASSOCIATE-RQ."""
    body = struct.pack(">HH", version, 0) + called.ljust(16).encode() + calling.ljust(16).encode() + bytes(32)
    body += item(0x10, context.encode())
    for number, abstract, syntaxes in contexts:
        inner = item(0x30, abstract.encode()) + b"".join(item(0x40, one.encode()) for one in syntaxes)
        body += item(0x20, bytes((number, 0, 0, 0)) + inner)
    body += item(0x50, item(0x51, struct.pack(">I", 16384)))
    return struct.pack(">BBI", 1, 0, len(body)) + body


def data(context: int, content: bytes, flags: int) -> bytes:
    """A P-DATA-TF of one value."""
    body = struct.pack(">IBB", len(content) + 2, context, flags) + content
    return struct.pack(">BBI", 4, 0, len(body)) + body


def store(instance: str = INSTANCE, sop_class: str = VL, message: int = 1) -> bytes:
    """The command set of a C-STORE-RQ."""
    return command.encode(
        {
            command.CLASS: sop_class, command.FIELD: command.C_STORE, command.MESSAGE: message, 0x0700: 0, command.DATA: 1,
            command.INSTANCE: instance,
        }
    )  # fmt: skip


class Caller:
    """A connection to the server."""

    def __init__(self, port: int, *, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)

    def send(self, *pieces: bytes) -> None:
        self.socket.sendall(b"".join(pieces))

    def pdu(self) -> tuple[int, bytes]:
        """The next PDU; (0, b"") where the connection is over."""
        head = self._read(6)
        if len(head) < 6:
            return 0, b""
        return head[0], self._read(int.from_bytes(head[2:], "big"))

    def answer(self) -> dict[int, int | str]:
        """The next answer's command set."""
        kind, body = self.pdu()
        assert kind == pdu.DATA, (kind, body)
        return command.decode(body[6:])

    def associated(self, **more: object) -> Caller:
        self.send(associate(**more))  # type: ignore[arg-type]
        assert self.pdu()[0] == pdu.ASSOCIATE_AC
        return self

    def close(self) -> None:
        self.socket.close()

    def _read(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            try:
                piece = self.socket.recv(length - len(found))
            except ConnectionError:
                return found
            if not piece:
                return found
            found += piece
        return found

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def left(folder: Path) -> list[str]:
    """Files of a spool's folder."""
    return sorted(path.name for path in folder.iterdir())
