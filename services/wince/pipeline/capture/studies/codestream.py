"""What a compressed picture says of its own size, before a decoder makes room for it: JPEG, JPEG-LS and JPEG 2000. Bytes in, numbers out.

GDCM makes room for whatever a JPEG-LS stream says, and ends the process where there is not that much. So no picture goes to a decoder whose
size is not the object's (PS3.5 section 8.2: they must agree).
"""

from __future__ import annotations

JPEG_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 57, 70, 80, 81))
"""JPEG and JPEG-LS: ITU-T T.81 annex B, T.87 annex C."""
JPEG2000_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91))
"""ITU-T T.800 annex A."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Start of frame, by process; F7: JPEG-LS."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""
_SCAN = 0xDA
_SIZE = b"\xff\x4f\xff\x51"
Size = tuple[int, int, int]
"""(rows, columns, samples a pixel)."""


def size(stream: bytes, syntax: str) -> Size | None:
    """What the head of a compressed picture says; None: nothing, or it is none of that syntax."""
    return _jpeg2000(stream) if syntax in JPEG2000_SYNTAXES else _jpeg(stream)


def _jpeg(stream: bytes) -> Size | None:
    if stream[:2] != b"\xff\xd8":
        return None
    at, found = 2, set[Size]()
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _ALONE:
            at += 2
        elif marker in _FRAMES and at + 10 <= len(stream):
            rows, columns = (int.from_bytes(stream[place : place + 2], "big") for place in (at + 5, at + 7))
            found.add((rows, columns, stream[at + 9]))
            at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        elif marker == _SCAN:  # a decoder takes the last of several heads
            return found.pop() if len(found) == 1 else None
        else:
            at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None


def _jpeg2000(stream: bytes) -> Size | None:
    """Also where the codestream stands in a JP2 file, as some senders have it."""
    at = stream.find(_SIZE)
    if at < 0 or at + 42 > len(stream):
        return None
    right, bottom, left, top = (int.from_bytes(stream[place : place + 4], "big") for place in range(at + 8, at + 24, 4))
    return bottom - top, right - left, int.from_bytes(stream[at + 40 : at + 42], "big")
