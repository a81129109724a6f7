"""What an object is, whichever way it was sent: a digest of its header and pixel data that doesn't know the encoding of the header."""

from __future__ import annotations

import hashlib
import warnings
from io import BytesIO
from pathlib import Path

from wince.pipeline.capture.studies.header import Header

PIECE = 1 << 20


def digest(path: Path, header: Header) -> bytes:
    """32 bytes: the same for an object that comes again, also where another archive has written its header in another way (Implicit or
    Explicit VR, sequences of defined length or not). Raises OSError."""
    found = hashlib.sha256(_plain(path, header))
    with path.open("rb") as stream:
        at = header.bytes if header.pixels_at is None else header.pixels_at + _head(path, header)
        stream.seek(at)
        while piece := stream.read(PIECE):
            found.update(piece)
    return found.digest()


def _head(path: Path, header: Header) -> int:
    """Bytes before the value of the pixel data: tag and length, and the VR where it is written."""
    from wince.dicom.scp.tables import IMPLICIT

    return 8 if header.syntax == IMPLICIT else 12


def _plain(path: Path, header: Header) -> bytes:
    """The header as Implicit VR Little Endian; the bytes as they are where pydicom can't write what it has read."""
    from pydicom.dataset import Dataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    def defined(dataset: Dataset) -> None:
        for element in dataset:
            if element.VR == "SQ":
                element.is_undefined_length = False
                for item in element.value:
                    item.is_undefined_length_sequence_item = False
                    defined(item)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            copied = Dataset()
            copied.update(header.dataset)
            for tag in [tag for tag in list(copied.keys()) if tag.element == 0]:  # group lengths
                del copied[tag]
            defined(copied)
            stream = DicomBytesIO()
            stream.is_little_endian, stream.is_implicit_VR = True, True
            write_dataset(stream, copied)
            return stream.getvalue()
        except Exception:
            with path.open("rb") as file:
                return BytesIO(file.read(header.pixels_at or header.bytes)).getvalue()
