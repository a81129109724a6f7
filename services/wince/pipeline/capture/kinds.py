"""What a file is by what it holds: a video, one picture, or a film of pictures. What is none of them, though it begins like a picture,
is refused by name: it is never graded by its first picture."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from wince.errors import MediaError
from wince.pipeline.capture.animation.apng import Apng
from wince.pipeline.capture.animation.film import Film, mapped
from wince.pipeline.capture.animation.gif import Gif
from wince.pipeline.capture.animation.jpeg import check_single
from wince.pipeline.capture.animation.whole_pictures import Avif, Pages, Webp, pages
from wince.pipeline.capture.media import MediaLimits, check_file, reading
from wince.pipeline.capture.still import load_decoders

_JPEG, _PNG, _GIF = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_HEIF = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"miaf"))
"""Major brands of ISO/IEC 23008-12 (HEIF)."""


class Kind(Enum):
    """What is no film of pictures."""

    VIDEO = "video"
    """Or nothing that is known here: `open_video` says."""
    STILL = "still"
    """One picture."""


def kind_of(path: Path, limits: MediaLimits, *, pages_hz: float | None = None) -> Kind | Film:
    """VIDEO, STILL, or the film that the file is. `pages_hz`: see `folder.open_source`.

    Raises MediaError (several pictures without time, a kind that can't be read, too large, too many pictures), ResourceError.
    """
    head = _head(path, limits)
    if _pictured(head) or head[8:11] == b"avi":
        load_decoders()
    if head.startswith(_JPEG):
        check_single(path)
        return Kind.STILL
    if head.startswith(_GIF):
        gif = Gif(path, limits)
        return gif if len(gif.blocks) > 1 else Kind.STILL
    if head.startswith(_PNG):
        apng = Apng(path, limits)
        return apng if apng.parts else Kind.STILL
    if _webp(head):
        webp = Webp(path, limits)
        return webp if len(webp.lengths_us) > 1 else Kind.STILL
    if head.startswith(_TIFF):
        return _pages(path, limits, pages_hz)
    if head[4:8] == b"ftyp":
        return _of_boxes(path, head, limits)
    if head.startswith(_JPEG_XL):
        raise _unknown("JPEG XL", path)
    return Kind.STILL if head.startswith(b"BM") else Kind.VIDEO


def begins_like_a_picture(path: Path, limits: MediaLimits) -> bool:
    """By its first bytes alone. Raises MediaError or ResourceError where the file can't be read."""
    return _pictured(_head(path, limits))


def _pictured(head: bytes) -> bool:
    return head.startswith((_JPEG, _PNG, *_GIF, *_TIFF, b"BM")) or _webp(head)


def _head(path: Path, limits: MediaLimits) -> bytes:
    check_file(path, limits)
    with reading(path), path.open("rb") as stream:
        return stream.read(32)


def _webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _pages(path: Path, limits: MediaLimits, pages_hz: float | None) -> Kind | Film:
    numbers = pages(path, limits)
    if len(numbers) == 1:
        return Kind.STILL
    if pages_hz is None:
        raise MediaError(
            f"it has {len(numbers)} pages and no time between them, so none can be graded for all",
            field=path,
            remedy="say how many pages a second it holds (`wince assess --rate HZ`), or save the one page that is meant",
        )
    return Pages(path, pages_hz, numbers)


def _of_boxes(path: Path, head: bytes, limits: MediaLimits) -> Kind | Film:
    """AVIF is read by libavif. Of HEIF's other kinds FFmpeg reads sequences (tracks); a file with pictures (a `meta` box) would give
    the first tile of the first picture."""
    brand = head[8:12]
    if brand in (b"avif", b"avis"):
        avif = Avif(path, limits)
        return avif if avif.count > 1 else Kind.STILL
    if brand in _HEIF and _has_items(path):
        raise _unknown("HEIC", path)
    return Kind.VIDEO


def _has_items(path: Path) -> bool:
    """Whether there is a `meta` box at the top (ISO/IEC 14496-12 section 8.11)."""
    with mapped(path) as data:
        at = 0
        while at + 8 <= len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            if data[at + 4 : at + 8] == b"meta":
                return True
            if length == 1:
                length = int.from_bytes(data[at + 8 : at + 16], "big")
            if length < 8:
                return False
            at += length
    return False


def _unknown(kind: str, path: Path) -> MediaError:
    return MediaError(f"{kind} pictures can't be read", field=path, remedy="save it as JPEG or PNG; a sequence as mp4")
