"""A clip or a picture as a DICOM object, as a camera cart would make it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import HEVCMP51, MPEG2MPML, MPEG4HP41, UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from wince.dicom.scp.pdu import IMPLEMENTATION_UID

VIDEO_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
VL_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4"
SYNTAX_OF = {"h264": MPEG4HP41, "hevc": HEVCMP51, "mpeg2video": MPEG2MPML}
"""Transfer syntax by FFmpeg's name of a codec."""
TRUE_COLOR = "1.2.840.10008.5.1.4.1.1.7.4"


@dataclass(frozen=True, slots=True)
class Person:
    """What an object says of whose it is."""

    number: str = "100001"
    """Patient ID; empty: absent."""
    issuer: str = "HOSP"
    name: str = "Test^Patient"
    born: str = "19500101"
    at: datetime | None = None
    """When the first picture was taken; None: the object names no time."""
    offset: str = ""
    """TimezoneOffsetFromUTC, such as +0100; empty: absent."""
    accession: str = "A1"
    charset: str = "ISO_IR 192"
    more: dict[str, Any] = field(default_factory=dict)
    """Further attributes by keyword."""


def video(
    stream: bytes | Path,
    person: Person,
    *,
    frames: int,
    rate_hz: float = 10.0,
    size: tuple[int, int] = (640, 480),
    syntax: str = MPEG4HP41,
    fragments: int = 1,
    offsets: bool = False,
    sop_class: str = VIDEO_PHOTOGRAPHIC,
) -> Dataset:
    """An object of a stream (H.264 in MP4 or MPEG-TS, say). `fragments`: pieces that the stream is cut into; `offsets`: a Basic Offset
    Table that is not empty."""
    content = stream if isinstance(stream, bytes) else stream.read_bytes()
    made = _base(person, sop_class, syntax)
    _pixels(made, size, frames, "YBR_PARTIAL_420")
    made.FrameTime, made.CineRate, made.FrameIncrementPointer = f"{1000 / rate_hz:.4f}", round(rate_hz), 0x00181063
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_14496_10"
    step = -(-len(content) // fragments)
    step += step % 2
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    made.PixelData = _fragments(pieces, offsets)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    return made


def _fragments(pieces: list[bytes], offsets: bool) -> bytes:
    """One frame of several fragments, as PS3.5 annex A.4 has it."""
    out = io.BytesIO()
    table = (0).to_bytes(4, "little") if offsets else b""
    for content in [one + b"\0" * (len(one) % 2) for one in (table, *pieces)]:
        out.write(b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content)
    return out.getvalue()


def pictures(shown: NDArray[np.uint8], person: Person, *, rate_hz: float | None = None, jpeg: bool = False, sop_class: str = "") -> Dataset:
    """An object of pictures: (n, h, w, 3) RGB uint8. `rate_hz` None: they have no time between them. `jpeg`: JPEG Baseline."""
    syntax = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    made = _base(person, sop_class or (VL_PHOTOGRAPHIC if len(shown) == 1 else TRUE_COLOR), syntax)
    count, height, width = shown.shape[:3]
    _pixels(made, (width, height), count, "YBR_FULL_422" if jpeg else "RGB")
    if rate_hz is not None:
        made.FrameTime, made.FrameIncrementPointer = f"{1000 / rate_hz:.4f}", 0x00181063
    if not jpeg:
        made.PixelData = shown.tobytes()
        made["PixelData"].VR = "OB"
        return made
    from PIL import Image

    pieces = []
    for one in shown:
        out = io.BytesIO()
        Image.fromarray(one).save(out, "JPEG", quality=95, subsampling="4:2:2")
        pieces.append(out.getvalue())
    made.LossyImageCompression, made.LossyImageCompressionMethod = "01", "ISO_10918_1"
    made.PixelData = encapsulate(pieces)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    return made


def write(made: Dataset, path: Path) -> Path:
    """Save it as a file (PS3.10)."""
    made.save_as(path, enforce_file_format=True)
    return path


def _base(person: Person, sop_class: str, syntax: str) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID, made.file_meta.ImplementationClassUID = UID(syntax), UID(IMPLEMENTATION_UID)
    made.SpecificCharacterSet = person.charset
    made.SOPClassUID, made.SOPInstanceUID = sop_class, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid()
    made.Modality, made.StudyID, made.SeriesNumber, made.InstanceNumber = "XC", "1", 1, 1
    made.PatientName, made.PatientSex, made.PatientBirthDate = person.name, "O", person.born
    made.PatientID = person.number
    if person.issuer:
        made.IssuerOfPatientID = person.issuer
    made.AccessionNumber, made.ReferringPhysicianName, made.Laterality, made.StudyDescription = person.accession, "", "", ""
    made.Manufacturer = "Wince tests"
    if person.at is not None:
        day, moment = person.at.strftime("%Y%m%d"), person.at.strftime("%H%M%S.%f")
        made.StudyDate = made.ContentDate = day
        made.StudyTime = made.ContentTime = moment
    if person.offset:
        made.TimezoneOffsetFromUTC = person.offset
    for keyword, value in person.more.items():
        setattr(made, keyword, value)
    return made


def _pixels(made: Dataset, size: tuple[int, int], frames: int, photometric: str) -> None:
    made.Columns, made.Rows = size
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, photometric, 0
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    if made.SOPClassUID in (VIDEO_PHOTOGRAPHIC, TRUE_COLOR) or frames > 1:
        made.NumberOfFrames = frames
    made.BurnedInAnnotation = "NO"
