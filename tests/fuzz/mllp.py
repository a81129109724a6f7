"""Bytes of a connection: frames, halves of frames, other protocols, in pieces of any size, thrown at the framing.

Allowed: messages within the limit, or a named fault after which nothing more is read; never more memory than limit and piece; frames that
are right and stand between right ends are found whatever stands beside them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from wince.hl7.frames import Fault, Frames, framed

NAME = "mllp"
LIMIT = 3000
NOISE = [
    b"", b"\r", b"\n", b"\r\n", b"\x00", b"\x00" * 5000, b"\x1c", b"\x1c\r", b"\x0b", b"\x0b\x0b", b"\xef\xbb\xbf",
    b"\xef\xbb", b"\xff\xfe",
    b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"MSH|^~\\&|", b"\x0bhalf", b"\x0b" + b"x" * 10_000, b"\x04", b"\x1c\x1c\r\r",
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Pieces in which the bytes come; the messages that must be found: all of `right`, if nothing beside them is noise."""

    pieces: tuple[bytes, ...]
    right: tuple[bytes, ...]
    clean: bool


def case(chance: random.Random) -> Case:
    """A case of this seed."""
    right, stream, clean = [], b"", chance.random() < 0.5
    for _ in range(chance.randint(0, 12)):
        body = bytes(byte for byte in chance.randbytes(chance.choice([0, 1, 20, 200, 2900])) if byte not in (0x0B, 0x1C))
        right.append(body)
        stream += chance.choice([b"", b"\r\n", b"\x00\x00", b"\x1c\r", b"\xef\xbb\xbf"] if clean else NOISE)
        stream += framed(body)
    if not clean:
        stream = bytearray(stream)
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(stream) + 1)
            stream[at : at + chance.randint(0, 3)] = chance.choice([b"\x0b", b"\x1c", b"\r", b"\x00", chance.randbytes(3)])
        stream = bytes(stream)
    pieces, size = [], chance.choice([1, 7, 100, 4096, 1 << 20])
    while stream:
        length = chance.randint(1, size)
        pieces.append(stream[:length])
        stream = stream[length:]
    return Case(tuple(pieces), tuple(right), clean)


def check(one: Case) -> None:
    """Raises AssertionError for what may not be."""
    frames, found, fault = Frames(LIMIT), [], None
    for piece in one.pieces:
        messages, fault = frames.feed(piece)
        found += messages
        assert all(len(message) <= LIMIT for message in messages)
        assert len(frames.beginning) <= 4096
        if fault is not None:
            assert isinstance(fault, Fault)
            break
    if one.clean:
        assert (tuple(found), fault) == (one.right, None)
    if fault is None and (last := frames.settle()) is not None:
        assert len(last) <= LIMIT
