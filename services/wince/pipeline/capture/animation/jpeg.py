"""JPEG files that hold more than one picture.

Phones and cameras put much behind a photograph: a preview, a gain map for bright screens, a depth map, a few seconds of film. Those
belong to the one picture that was taken. Refused is what holds several pictures of equal standing, since the first of them would be
graded for all: the views of an MPO (CIPA DC-007), and pictures in a row without any time (raw MJPEG).
"""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image

from wince.errors import MediaError
from wince.pipeline.capture.animation.film import Data, mapped

_VIEWS = ("Multi-Frame Image (Panorama)", "Multi-Frame Image (Disparity)", "Multi-Frame Image (Multi-Angle)")
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, Image.DecompressionBombError)
_PADDING = 64
"""Bytes of nothing that may lie between two pictures in a row."""
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
"""Markers that say a picture's size (SOF; ITU-T T.81, table B.1)."""


def check_single(path: Path) -> None:
    """Raises MediaError, by name, where the file holds several pictures of equal standing."""
    if views := _views(path):
        raise MediaError(
            f"it holds {views} pictures (MPO) and no time between them, so none can be graded for all",
            field=path,
            remedy="save the one that is meant as a picture of its own: `exiftool -b -MPImage2 FILE > second.jpg`, or a picture viewer",
        )
    if _in_a_row(path):
        raise MediaError(
            "a bare mjpeg stream has no timestamps, so no time can be given to what is seen",
            field=path,
            remedy="put it into a container with the camera's frame rate: `ffmpeg -f mjpeg -r RATE -i FILE -c copy out.mkv`",
        )


def _views(path: Path) -> int:
    """How many pictures of equal standing an MPO holds; 0 where it holds one."""
    try:
        with warnings.catch_warnings(), Image.open(path, formats=("JPEG",)) as image:
            warnings.simplefilter("ignore")
            if image.format != "MPO":
                return 0
            entries = image.mpinfo[0xB002]  # type: ignore[attr-defined]
            kinds = [entry["Attribute"]["MPType"] for entry in entries]
            size, views = image.size, 1
            for number, kind in enumerate(kinds[1:], 1):
                views += kind in _VIEWS or (kind in ("Undefined", "Baseline MP Primary Image") and _alike(image, number, size))
    except _BROKEN:
        return 0
    return views if views > 1 else 0


def _alike(image: Image.Image, number: int, size: tuple[int, int]) -> bool:
    """Whether a further picture is of the first one's kind: gain and depth maps are smaller, grey, or say what they are."""
    image.seek(number)
    said = b"".join(content for _, content in image.applist)  # type: ignore[attr-defined]
    helper = any(word in said for word in (b"hdrgm:", b"HDRGainMap", b"urn:iso:std:iso:ts:21496", b"epthMap", b"GDepth"))
    return image.size == size and image.mode != "L" and not helper


def _in_a_row(path: Path) -> bool:
    """Whether another picture of the same size, or two of any, follow the first one at once; not in an MPO, which says what follows."""
    with mapped(path) as data:
        end, size, marked = _end(data, 0)
        if marked or not end:
            return False
        second = _next(data, end)
        if second is None:
            return False
        end, following, _ = _end(data, second)
        return following == size or (end > 0 and _next(data, end) is not None)


def _next(data: Data, at: int) -> int | None:
    """Where a picture begins, at `at` or behind some padding."""
    gap = data[at : at + _PADDING]
    begin = at + len(gap) - len(gap.lstrip(b"\0\xff\r\n"))
    begin -= data[max(at, begin - 1) : begin] == b"\xff"  # the marker's own FF was taken for padding
    return begin if data[begin : begin + 3] == b"\xff\xd8\xff" else None


def _end(data: Data, at: int) -> tuple[int, bytes, bool]:
    """Behind the picture that begins at `at` (0: it has no end), its size as it is written, and whether it is marked as an MPO."""
    at, size, marked = at + 2, b"", False
    while 0 <= at < len(data) - 3:
        if data[at] != 0xFF:
            return 0, size, marked
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2, size, marked
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        body = at + 4
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        marked = marked or (marker == 0xE2 and data[body : body + 4] == b"MPF\0")
        if marker in _FRAMES:
            size = data[body + 1 : body + 5]
        if marker == 0xDA:
            at = _scan(data, at)
    return (len(data), size, marked) if data[at : at + 2] == b"\xff\xd9" else (0, size, marked)


def _scan(data: Data, at: int) -> int:
    """The first marker behind compressed data; the file's end where there is none."""
    find = data.find
    while (at := find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2
    return len(data)
