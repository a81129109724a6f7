"""A still picture as a source: one frame, then the end."""

import importlib
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from wince.domain.frame import Beat, Frame
from wince.domain.reason import Reason
from wince.errors import MediaError
from wince.pipeline.capture.animation.whole_pictures import pages
from wince.pipeline.capture.media import MediaLimits, check_file, reading
from wince.pipeline.capture.picture import check_sampling, upright, working_size
from wince.pipeline.capture.timeline import Grid

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
PLUGINS = ("Jpeg", "Png", "WebP", "Tiff", "Bmp", "Gif", "Avif")
"""Their modules in Pillow. Where one of FORMATS isn't loaded yet, Pillow loads all its 43, which takes twice as long."""
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, RuntimeError, struct.error)
"""What Pillow's decoders raise on damaged pictures."""
_REMEDY = "open it in a picture viewer and save it as JPEG or PNG, or copy it again"


class StillSource:
    """One picture (port `wince.pipeline.capture.interface.Source`).

    Gives one Frame with sequence 0 at media time 0 and a Beat `ended` one sampling step later, so that the one frame
    is all that was expected. JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF; what holds several pictures is no still (`kinds.py`). Upright after its
    EXIF orientation and `rotation`, transparent parts on white, CMYK and 16 bit brought to RGB uint8, scaled down to
    `limits.working_side`. Raises like `FileSource`; a picture over `limits.max_still_pixels` is refused on its header.
    """

    def __init__(
        self,
        path: Path | str,
        source: str,
        *,
        rate_hz: float,
        origin_us: int = 0,
        from_us: int = 0,
        rotation: int = 0,
        limits: MediaLimits | None = None,
    ) -> None:
        """Decode the picture; the arguments are those of `FileSource`."""
        check_sampling(rate_hz, rotation)
        self.source = source
        self._origin_us = origin_us
        self._wanted = from_us <= origin_us
        self.end_us = origin_us + Grid(rate_hz).time_us(1)
        self._pixels: NDArray[np.uint8] | None = upright(read_still(Path(path), limits or MediaLimits()), rotation)
        self._closed = False

    def close(self) -> None:
        """End the iteration and release the picture. Idempotent."""
        self._closed = True
        self._pixels = None

    def __iter__(self) -> Iterator[Frame | Beat]:
        """The frame, then the end; can be iterated once."""
        pixels, self._pixels = self._pixels, None
        if pixels is None or self._closed:
            return
        if self._wanted:
            yield Frame(self.source, 0, self._origin_us, pixels)
        reason = None if self._wanted else Reason.NO_FRAME
        yield Beat(self.source, self.end_us, frames=int(self._wanted), dropped=0, corrupt=0, reason=reason, ended=True)


def load_decoders() -> None:
    """Pillow's modules for FORMATS, before Image.open is called for one of them."""
    for name in PLUGINS:
        importlib.import_module(f"PIL.{name}ImagePlugin")


def read_still(path: Path, limits: MediaLimits) -> NDArray[np.uint8]:
    """The picture as RGB uint8 (h, w, 3), upright by its EXIF orientation, longer side at most `limits.working_side`.

    Raises MediaError (not a picture, damaged, too large) or ResourceError (permission, I/O).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on damaged metadata, which nobody who reads a result can use
        return _read(path, limits)


def _read(path: Path, limits: MediaLimits) -> NDArray[np.uint8]:
    check_file(path, limits)
    load_decoders()
    with reading(path):
        try:
            image = Image.open(path, formats=FORMATS)
        except (PermissionError, FileNotFoundError):
            raise
        except Image.DecompressionBombError:
            raise _too_large(path, limits, "") from None
        except UnidentifiedImageError:
            raise MediaError("not a picture that can be read (JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF)", field=path, remedy=_REMEDY) from None
        except BROKEN:
            raise MediaError("the picture is damaged", field=path, remedy=_REMEDY) from None
    with image:
        if image.width * image.height > limits.max_still_pixels:
            raise _too_large(path, limits, f" ({image.width} x {image.height})")
        try:
            if image.format == "TIFF":
                image.seek(pages(path, limits)[0])  # not a thumbnail that lies before it
            image.draft("RGB", (limits.working_side, limits.working_side))  # JPEG: decodes at a half, quarter or eighth
            return rgb(image, limits.working_side)
        except Image.DecompressionBombError:
            raise _too_large(path, limits, "") from None
        except BROKEN:
            raise MediaError("the picture is damaged or cut off", field=path, remedy=_REMEDY) from None


def rgb(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """A picture of any mode as upright RGB uint8 (h, w, 3), transparent parts white, longer side at most `side`."""
    deep = image.mode.startswith(("I", "F"))
    flat = eight_bit(image) if deep else image
    if "A" in flat.getbands() or "transparency" in flat.info:
        layer = flat.convert("RGBA")
        flat = Image.new("RGBA", layer.size, "white")
        flat.alpha_composite(layer)
    turned = ImageOps.exif_transpose(_shrunk(flat.convert("RGB"), image, side))
    return np.ascontiguousarray(turned, dtype=np.uint8)


def _shrunk(flat: Image.Image, original: Image.Image, side: int) -> Image.Image:
    """Scaled to the working size, with the EXIF of the original (conversions may lose it)."""
    size = working_size(flat.width, flat.height, 1.0, side)
    scaled = flat if size == flat.size else flat.resize(size, Image.Resampling.BOX)
    scaled.getexif().update({0x0112: original.getexif().get(0x0112, 1)})
    return scaled


def eight_bit(image: Image.Image) -> Image.Image:
    """16 bit and float greys to 8 bit: 65535 (or 1.0) becomes 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = 1.0 if image.mode == "F" and values.max(initial=0) <= 1 else 255.0 if values.max(initial=0) <= 255 else 65535.0
    if image.mode.startswith("I;16"):
        top = 65535.0
    return Image.fromarray((np.clip(values / top, 0, 1) * 255 + 0.5).astype(np.uint8))


def _too_large(path: Path, limits: MediaLimits, size: str) -> MediaError:
    return MediaError(
        f"the picture{size} has more pixels than the limit of {limits.max_still_pixels}",
        field=path,
        remedy="save it smaller (1080p is enough), or raise the limit max_still_pixels",
    )
