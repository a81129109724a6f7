"""An object on its way to disk: written as it comes, its size and the disk's room checked as it comes."""

from __future__ import annotations

import os
import secrets
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from wince.dicom.scp.pdu import IMPLEMENTATION, IMPLEMENTATION_UID

LOOK_BYTES = 16 << 20
"""The disk's room is looked at whenever so many bytes more were written."""
INCOMING = ".incoming"
"""End of the name of a file that is not whole."""


class NoRoomError(Exception):
    """The object is too large, or the disk has no room for it."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where objects are kept, and how much of it they may take."""

    folder: Path
    object_bytes: int
    """Largest object."""
    floor_bytes: int
    """Room that stays free on the disk."""

    def check(self) -> None:
        """Raises NoRoomError where the disk is at its floor."""
        with _full():
            found = os.statvfs(self.folder)
            if found.f_bavail * found.f_frsize < self.floor_bytes:
                raise NoRoomError


class Spool:
    """One file. `write` raises NoRoomError, and the file is gone then; `keep` returns when it would survive a power cut."""

    def __init__(self, room: Room, head: bytes = b"") -> None:
        """`head`: what the file begins with before the first byte that comes. Raises NoRoomError."""
        room.check()
        self._room = room
        self.path = room.folder / f"{secrets.token_hex(16)}{INCOMING}"
        self.bytes = 0
        self._looked = 0
        with _full():
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if head:
            self.write(memoryview(head))

    def write(self, piece: memoryview) -> None:
        """Append. Raises NoRoomError."""
        self.bytes += len(piece)
        try:
            if self.bytes > self._room.object_bytes:
                raise NoRoomError
            if self.bytes - self._looked >= LOOK_BYTES:
                self._looked = self.bytes
                self._room.check()
            with _full():
                while piece:
                    piece = piece[os.write(self._file, piece) :]
        except BaseException:
            self.discard()
            raise

    def keep(self) -> None:
        """Bring it to the disk and close it. Raises NoRoomError."""
        try:
            with _full():
                os.fsync(self._file)
        except BaseException:
            self.discard()
            raise
        self._close()

    def discard(self) -> None:
        """Close and delete it. Idempotent."""
        self._close()
        with suppress(OSError):
            self.path.unlink()

    def _close(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1


class _full:  # noqa: N801 - a context manager
    """What the system says of a file that can't be written becomes NoRoomError: the peer may send it again."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise NoRoomError from error


def head(sop_class: str, instance: str, syntax: str, title: str) -> bytes:
    """Preamble and File Meta Information (PS3.10 section 7.1) of a data set that came without them."""
    rows = [
        (0x0001, b"OB", b"\0\1"),
        (0x0002, b"UI", _even(sop_class)),
        (0x0003, b"UI", _even(instance)),
        (0x0010, b"UI", _even(syntax)),
        (0x0012, b"UI", _even(IMPLEMENTATION_UID)),
        (0x0013, b"SH", IMPLEMENTATION.encode() + b" " * (len(IMPLEMENTATION) % 2)),
        (0x0016, b"AE", title.encode("ascii", "replace") + b" " * (len(title) % 2)),
    ]
    body = b"".join(struct.pack("<HH", 2, element) + kind + _length(kind, value) + value for element, kind, value in rows)
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(body)) + body


def _length(kind: bytes, value: bytes) -> bytes:
    """Explicit VR: OB has two zeros and four bytes, the others two."""
    return b"\0\0" + struct.pack("<I", len(value)) if kind == b"OB" else struct.pack("<H", len(value))


def _even(uid: str) -> bytes:
    return uid.encode("ascii", "replace") + b"\0" * (len(uid) % 2)
