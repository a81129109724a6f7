"""Decodes an object's pictures, by pydicom with Pillow and GDCM, in a process of its own: GDCM ends the process on what it did not foresee.

python -m wince.pipeline.capture.studies.decoding PATH SIDE

Each line of the standard input is a picture's number; each answer is a line "ROWS COLUMNS" and the picture, RGB, a byte a sample; "0 0"
alone where it can't be decoded. It ends with its input, so with whoever started it.
"""

from __future__ import annotations

import resource
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wince.pipeline.capture.picture import working_size
from wince.pipeline.capture.studies import codestream, header
from wince.pipeline.capture.studies.header import Header

HEAD_BYTES = 1 << 20
"""A compressed picture says its size within so many bytes: what stands before that are tables, profiles and comments."""
MEMORY_BYTES = 6 << 30
"""Address space of the process."""


def decoded(path: Path, found: Header, index: int, side: int) -> NDArray[np.uint8] | None:
    """(h, w, 3) uint8 RGB, its longer side at most `side`; None where it can't be decoded."""
    from pydicom.pixels.utils import pixel_array

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if not _as_said(path, found, index):
                return None
            return _working(_rgb(pixel_array(path, index=index, raw=False), found.dataset), side)
        except Exception:  # what decoders raise on damaged pictures is as manifold as they are
            return None


def _as_said(path: Path, found: Header, index: int) -> bool:
    """Whether a compressed picture has the size that its object says; see codestream.py."""
    from pydicom.encaps import get_frame

    syntax, dataset = found.syntax, found.dataset
    if syntax not in codestream.JPEG_SYNTAXES | codestream.JPEG2000_SYNTAXES or found.pixels_at is None:
        return True
    with path.open("rb") as stream:
        stream.seek(found.pixels_at + 12)
        table, lengths = dataset.get("ExtendedOffsetTable"), dataset.get("ExtendedOffsetTableLengths")
        offsets = (table, lengths) if table and lengths else None  # as the decoder looks the picture up
        frame = get_frame(stream, index, extended_offsets=offsets, number_of_frames=int(dataset.get("NumberOfFrames", 1) or 1))
    said = (int(dataset.Rows), int(dataset.Columns), int(dataset.SamplesPerPixel))
    return codestream.size(frame[:HEAD_BYTES], syntax) == said


def _rgb(found: NDArray[Any], dataset: Any) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 of what pydicom gives: RGB, grey, or a palette."""
    kind = str(dataset.get("PhotometricInterpretation", ""))
    if kind == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        found = apply_color_lut(found, dataset)
        found = found >> 8 if found.dtype.itemsize > 1 else found
    elif found.dtype != np.uint8:
        top = float(1 << int(dataset.get("BitsStored", 16))) - 1
        found = np.clip(np.asarray(found, np.float32) * (255 / top), 0, 255)
    eight = found.astype(np.uint8)
    if eight.ndim == 2:
        eight = np.repeat(eight[:, :, None], 3, axis=2)
    return 255 - eight if kind == "MONOCHROME1" else eight[:, :, :3]


def _working(found: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = found.shape[:2]
    size = working_size(width, height, 1.0, side)
    small = found if size == (width, height) else cv2.resize(found, size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small, np.uint8)


def main(path: Path, side: int) -> None:
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the picture
    found, out = header.read(path), sys.stdout.buffer
    for line in sys.stdin.buffer:
        picture = decoded(path, found, int(line), side)
        if picture is None:
            out.write(b"0 0\n")
        else:
            out.write(b"%d %d\n" % picture.shape[:2] + picture.tobytes())
        out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
