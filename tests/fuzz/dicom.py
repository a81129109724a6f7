"""What a DICOM peer may send: PDUs and messages over a connection, data sets in files, bodies of STOW-RS; right, spoilt, and cut off.

Allowed: an answer, a rejection, an abort, or the connection's end; an object that is kept is whole; no file is left; a data set is read
within bounds or refused by name, and what it says is text, numbers and times.
"""

from __future__ import annotations

import io
import random
import socket
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.unit.dicom.wire import VL, Keeping, associate, data, store
from wince.dicom.scp import command, pdu, tables
from wince.dicom.scp.association import Association
from wince.dicom.scp.limits import Limits
from wince.dicom.scp.peers import Peer
from wince.dicom.spool import Room
from wince.dicom.stow.multipart import Begin, Multipart, Piece
from wince.domain.study import StudyFacts
from wince.errors import MessageError
from wince.pipeline.capture.studies import content, header
from wince.testing.dicom import objects

NAME = "dicom"
LIMITS = Limits(
    pdu_bytes=4096, request_bytes=8192, command_bytes=2048, data_bytes=4096, object_bytes=20_000, drained_bytes=50_000, idle_s=1.0
)
TEXTS = [b"", b"\\", b"A\\B", b"\0" * 9, b"\xff\xfe", b"1e999", b"nan", b"-1", b"20260230", b"99", b"\x1b$B", b"x" * 300, b"9" * 40]


@dataclass(frozen=True)
class Case:
    """`kind`: "wire", "data" or "body"; the bytes; of "wire" the objects that they hold whole where nothing is spoilt."""

    kind: str
    stream: bytes
    objects: int | None
    piece: int


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    kind = chance.choice(["wire", "wire", "data", "data", "body"])
    spoilt = chance.random() < 0.8
    if kind == "wire":
        stream, count = _conversation(chance)
    else:
        stream, count = (_file(chance), 1) if kind == "data" else (_body(chance), None)
    if spoilt:
        stream, count = _spoil(chance, stream), None
    return Case(kind, stream, count, chance.choice([1 << 20, 4096, 100]))


def _conversation(chance: random.Random) -> tuple[bytes, int]:
    out, count = associate(), 0
    for number in range(chance.randint(0, 4)):
        kind = chance.choice(["store", "store", "echo", "action", "cancel", "large"])
        if kind in ("store", "large"):
            length = chance.choice([0, 10, 3000, 9000]) if kind == "store" else 30_000
            out += data(1, store(message=number), 3)
            left = chance.randbytes(length)
            while len(left) > 3000:
                out, left = out + data(1, left[:3000], 0), left[3000:]
            out += data(1, left, 2)
            count += kind == "store"
        elif kind == "echo":
            out += data(3, command.encode({2: tables.VERIFICATION, 0x100: 0x30, 0x110: number, 0x800: 0x101}), 3)
        elif kind == "action":
            asked = {3: tables.COMMITMENT, 0x100: 0x130, 0x110: number, 0x800: 1, 0x1001: tables.COMMITMENT_INSTANCE, 0x1008: 1}
            out += data(3, command.encode(asked), 3) + data(3, chance.randbytes(200), 2)
        else:
            out += data(1, command.encode({0x100: 0x0FFF, 0x120: number, 0x800: 0x101}), 3)
    return out + b"\x05\0\0\0\0\x04\0\0\0\0", count


@cache
def _valid(kind: int) -> bytes:
    import numpy as np

    pixels = np.zeros((1 + kind % 2 * 2, 8, 8, 3), np.uint8)
    made = objects.pictures(pixels, objects.Person(more={"AdmissionID": "V1"}), rate_hz=10 if kind % 2 else None, jpeg=kind > 1)
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _file(chance: random.Random) -> bytes:
    return _valid(chance.randrange(4))


def _body(chance: random.Random) -> bytes:
    parts = [_file(chance) if chance.random() < 0.5 else chance.randbytes(chance.choice([0, 5, 5000])) for _ in range(chance.randint(0, 3))]
    kinds = [b"Content-Type: application/dicom\r\n", b"", b"content-type:text/plain; a=b\r\nX: y\r\n"]
    return b"".join(b"\r\n--B\r\n" + chance.choice(kinds) + b"\r\n" + part for part in parts) + b"\r\n--B--"


def _spoil(chance: random.Random, stream: bytes) -> bytes:
    made = bytearray(stream)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(made) + 1)
        how = chance.random()
        if how < 0.4:
            made[at : at + chance.randint(1, 8)] = chance.randbytes(chance.randint(0, 8))
        elif how < 0.6:
            made[at : at + 4] = chance.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"]
            )
        elif how < 0.8:
            made[at : at + chance.randint(0, 20)] = chance.choice(TEXTS)
        else:
            del made[at:]
    return bytes(made)


def check(one: Case) -> None:
    """Raises AssertionError for what may not be."""
    {"wire": _wire, "data": _data, "body": _multipart}[one.kind](one)


def _wire(one: Case) -> None:
    keeping = Keeping()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            theirs.sendall(one.stream)
            theirs.shutdown(socket.SHUT_WR)
            said: list[str] = []
            Association(
                ours, "127.0.0.1", title="WINCE", admit=lambda calling, _address: Peer(calling), keeper=keeping, reporter=None,
                room=Room(folder, LIMITS.object_bytes, 0), limits=LIMITS, told=said.append,
            ).run()  # fmt: skip
            ours.shutdown(socket.SHUT_WR)
            answers = b"".join(iter(lambda: theirs.recv(65536), b""))
        assert not list(folder.iterdir())
    _pdus(answers)
    for received, stored in keeping.received:
        assert received.sop_class == VL
        assert len(stored) <= LIMITS.object_bytes
    if one.objects is not None:
        assert len(keeping.received) == one.objects
        assert said[-1] == "released"


def _pdus(answers: bytes) -> None:
    """Whole, and none of a kind that we may not send."""
    while answers:
        length = int.from_bytes(answers[2:6], "big")
        assert answers[0] in (pdu.ASSOCIATE_AC, pdu.ASSOCIATE_RJ, pdu.DATA, pdu.RELEASE_RP, pdu.ABORT)
        assert len(answers) >= 6 + length
        answers = answers[6 + length :]


def _data(one: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "object"
        path.write_bytes(one.stream)
        try:
            found = header.read(path)
        except MessageError:
            assert one.objects is None
            return
        facts = header.facts(found, ZoneInfo("Europe/Berlin"))
        assert isinstance(facts, StudyFacts)
        assert facts.at_us is None or isinstance(facts.at_us, int)
        assert facts.frames >= 1
        assert facts.duration_us >= 0
        assert all(isinstance(text, str) for text in (facts.patient, facts.issuer, facts.instance, *facts.header.values()))
        assert content.digest(path, found) == content.digest(path, header.read(path))
        if one.objects is not None:
            assert facts.patient == "100001"
            assert replace(facts, at_us=0).pictures
            assert header.facts(found, UTC).instance


def _multipart(one: Case) -> None:
    body, inside, whole = Multipart("B"), False, b""
    try:
        for at in range(0, len(one.stream), one.piece):
            for event in body.feed(one.stream[at : at + one.piece]):
                if isinstance(event, Piece):
                    assert inside
                    whole += event.content
                else:
                    assert isinstance(event, Begin) is not inside
                    inside = isinstance(event, Begin)
        body.close()
    except MessageError:
        pass
    assert len(whole) <= len(one.stream)
