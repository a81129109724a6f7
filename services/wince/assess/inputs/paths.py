"""What PATH... names: every file, told apart by content, identified by its hash; nothing is left out silently.

A file inside a folder that is neither video nor picture, by its first bytes and by its name, is *passed over* and listed (folders hold
notes and tables beside clips). One that looks like media and can't be read, or that was named itself, is an input that failed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wince.assess.inputs.live import identity, is_address, label
from wince.assess.inputs.piped import NAME
from wince.errors import MediaError, WinceError
from wince.pipeline.capture.folder import files
from wince.pipeline.capture.kinds import begins_like_a_picture
from wince.pipeline.capture.media import MediaLimits, file_id

_VIDEOS = "mp4 m4v mov mkv webm avi ts mts m2ts mpg mpeg 3gp 3g2 flv ogv ogg asf wmv mxf mjpeg mjpg"
_PICTURES = "jpg jpeg jpe png apng webp tif tiff bmp gif avif heic heif jxl mpo"
SUFFIXES = frozenset(f"{_VIDEOS} {_PICTURES}".split())
"""Names that promise a video or picture."""
_HEADS = (b"\x1aE\xdf\xa3", b"FLV", b"OggS", b"0&\xb2u\x8ef\xcf\x11", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"\x06\x0e+4")
"""Matroska, FLV, Ogg, ASF, MPEG, MXF."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


@dataclass(frozen=True, slots=True)
class Input:
    """One file."""

    path: Path
    source: str
    """sha256 (hex) of its bytes; empty where they can't be read."""
    size: int
    """Bytes."""
    problem: WinceError | None = None
    """Why it can't be opened; None: it can be tried."""
    file: Path | None = None
    """Where its bytes lie, if elsewhere than `path` (standard input)."""
    uri: str = ""
    """Address of a network camera; empty: a file."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was named."""

    files: tuple[Input, ...]
    passed_over: tuple[Path, ...]
    """Files of folders that are neither video nor picture."""


def gather(paths: Sequence[Path | str], standard_input: Path | None = None) -> Inputs:
    """Files, and folders with all that is below them; a file that is reached twice comes once. "-" is what `standard_input` holds, and an
    address a network camera.

    A path that does not exist, and a folder with nothing to assess in it, are inputs that failed.
    """
    found: dict[str, Input] = {}
    passed: dict[str, Path] = {}
    for named in map(str, paths):
        if is_address(named):
            found.setdefault(named, Input(label(named), identity(named), 0, uri=named))
            continue
        if named == NAME and standard_input is not None:
            found.setdefault(NAME, replace(_look(standard_input), path=Path("standard-input"), file=standard_input))
            continue
        path = Path(named)
        inside, others = _folder(path) if path.is_dir() else ([_look(path)], [])
        passed |= {os.path.realpath(other): other for other in others}
        for one in inside or [Input(path, "", 0, _empty(path, len(others)))]:
            found.setdefault(os.path.realpath(one.path), one)
    return Inputs(tuple(found.values()), tuple(passed.values()))


def _folder(folder: Path) -> tuple[list[Input], list[Path]]:
    """What a folder holds, and what of it is passed over."""
    limits = MediaLimits()
    found, passed = [], []
    for path, problem in files(folder):
        if problem is not None:
            found.append(Input(path, "", 0, problem))
        elif _media(path, limits):
            found.append(_look(path))
        else:
            passed.append(path)
    return found, passed


def _empty(folder: Path, others: int) -> MediaError:
    count = f"{others} other file" + "s" * (others != 1)
    what = f"holds no video or picture ({count})" if others else "the folder is empty"
    return MediaError(what, field=folder, remedy="name a video, a picture, or a folder with some")


def _look(path: Path) -> Input:
    try:
        begins_like_a_picture(path, MediaLimits())  # readable, a plain file, not empty
        return Input(path, file_id(path), path.stat().st_size)
    except WinceError as error:
        return Input(path, "", 0, error)


def _media(path: Path, limits: MediaLimits) -> bool:
    """Whether a folder's file could be a video or picture; what can't be read is believed by its name."""
    if path.suffix.lower().lstrip(".") in SUFFIXES:
        return True
    try:
        if begins_like_a_picture(path, limits):
            return True
        with path.open("rb") as stream:
            head = stream.read(189)
    except (WinceError, OSError):
        return False
    transport = len(head) == 189 and head[0] == head[188] == 0x47
    return head.startswith(_HEADS) or head[4:8] in _BOXES or (head[:4] == b"RIFF" and head[8:12] == b"AVI ") or transport
