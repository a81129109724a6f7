"""Messages in a file: framed by MLLP, or plain, one after the other; segments ended by CR, LF or both.

A batch's envelope (FHS, BHS, BTS, FTS; HL7 v2.5.1 section 2.10.3) is passed over.
"""

from __future__ import annotations

import codecs
import re

from wince.errors import MessageError
from wince.hl7.frames import END, FRAME_START

_BEGINS = re.compile(rb"(?:^|[\r\n\x00]+)(?=MSH[^\w\s])")
_ENVELOPE = re.compile(rb"(?:^|[\r\n]+)(?:FHS|BHS|BTS|FTS)[^\w\s][^\r\n]*")


def messages(data: bytes) -> list[bytes]:
    """The messages, in order, each segment ended by CR. Raises MessageError where there is none."""
    found = []
    for part in _parts(data):
        text = _ENVELOPE.sub(b"\r", part.replace(b"\r\n", b"\r").replace(b"\n", b"\r"))
        for one in _BEGINS.split(text):
            if (segments := one.strip(b"\r\n\x00 ")).startswith(b"MSH"):
                found.append(segments + b"\r")
    if not found:
        raise MessageError("holds no HL7 message", field="FILE", remedy="each message begins with MSH| on a line of its own")
    return found


def _parts(data: bytes) -> list[bytes]:
    data = data.removeprefix(codecs.BOM_UTF8)
    if FRAME_START not in data:
        return [data]
    return [part.split(bytes([END]), 1)[0] for part in data.split(FRAME_START)]
