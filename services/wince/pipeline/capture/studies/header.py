"""An object's header: read within bounds, whatever its sender wrote, and what it says of patient, time and pictures."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from datetime import tzinfo
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, cast

from wince.control import has_control
from wince.dicom import extra
from wince.dicom.scp import tables
from wince.domain.frame import US
from wince.domain.study import StudyFacts
from wince.errors import MessageError
from wince.pipeline.capture.studies import moment

HEADER_BYTES = 2 << 20
"""Most bytes before the pixel data, values above VALUE_BYTES aside: pydicom needs eighty times as much memory for the smallest elements,
and 4 s a MiB."""
_AT_ONCE = threading.BoundedSemaphore(2)
"""Headers that are read at a time, whatever the number of associations."""
VALUE_BYTES = 64 * 1024
"""A longer value is not read."""
PIXEL_DATA = b"\xe0\x7f\x10\x00"
LONGEST_US = 24 * 3600 * US
SLOWEST_HZ, FASTEST_HZ = 1 / 60, 1000.0
"""Pictures a second: another rate is none."""
FRAMES = 1 << 31
"""Number of Frames is an IS: less than this."""
CITED = (
    "PatientName", "PatientSex", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "ReferringPhysicianName", "Laterality",
    "SeriesDate", "SeriesTime", "SeriesNumber", "SeriesDescription", "Modality", "Manufacturer", "InstanceNumber", "Rows", "Columns",
    "ContentDate", "ContentTime", "TimezoneOffsetFromUTC",
)  # fmt: skip
"""What documents that cite an object repeat of it."""


@dataclass(frozen=True, slots=True)
class Header:
    """An object's header and where its pixel data lie."""

    dataset: Any
    """pydicom Dataset, without pixel data."""
    syntax: str
    """Transfer syntax UID; empty: the file has no File Meta Information."""
    pixels_at: int | None
    """Where the element of the pixel data begins; None: there is none."""
    bytes: int
    """The file's length."""


class _Bounded(RawIOBase):
    """A file of which no more than HEADER_BYTES are read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left = stream, HEADER_BYTES

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise MessageError("has a header that is too large", field="object", remedy="send it without what is not needed")
        return content

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def read(path: Path) -> Header:
    """The header of a file. Raises MessageError where it is no DICOM object of a transfer syntax that is taken; OSError."""
    from pydicom import dcmread
    from pydicom.filereader import _read_file_meta_info, read_preamble

    extra.quiet()
    with _AT_ONCE, path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of this thread alone, and not even that while another reads
        try:
            bounded = cast(BinaryIO, _Bounded(stream))
            read_preamble(bounded, force=False)
            syntax = str(_read_file_meta_info(bounded).get("TransferSyntaxUID", ""))
            if syntax not in tables.PICTURE_SYNTAXES | tables.VIDEO_SYNTAXES:  # one that is deflated would be read whole
                raise MessageError("has a transfer syntax that is not taken", field="object", remedy="see the conformance statement")
            stream.seek(0)
            found = dcmread(bounded, defer_size=VALUE_BYTES, stop_before_pixels=True)
            at = stream.tell()
            there = stream.read(4) == PIXEL_DATA
            return Header(found, syntax, at if there else None, stream.seek(0, 2))
        except MessageError:
            raise
        except Exception as error:  # pydicom raises what Python does on bytes that are none of its own, OSError too
            if isinstance(error, OSError) and error.errno is not None:  # the system's: the object may be whole
                raise
            raise MessageError("can't be read as a DICOM object", field="object", remedy="check it with dcmdump or dciodvfy") from None


def facts(header: Header, zone: tzinfo) -> StudyFacts:
    """What an object says of itself. `zone`: the site's, for times without an offset. Never raises for what a value holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _Values(header.dataset)
        at_us, zoned = _at(found, zone)
        frames, rate_hz = min(max(1, found.number("NumberOfFrames", 1)), FRAMES), _rate(found)
        issuer, universal, kind = _issuer(found)
        duration_us = round(frames / rate_hz * US) if rate_hz else 0
        return StudyFacts(
            instance=found.text("SOPInstanceUID"),
            sop_class=found.text("SOPClassUID"),
            syntax=header.syntax,
            study=found.text("StudyInstanceUID"),
            series=found.text("SeriesInstanceUID"),
            accession=found.text("AccessionNumber"),
            patient=found.text("PatientID"),
            issuer=issuer,
            issuer_universal=universal,
            issuer_kind=kind,
            birth_date=moment.day(found.text("PatientBirthDate")),
            admission=found.text("AdmissionID"),
            at_us=at_us,
            zoned=zoned,
            frames=frames,
            rate_hz=rate_hz,
            duration_us=min(duration_us, LONGEST_US),
            pictures=_has_pictures(header) and (frames == 1 or rate_hz is not None),
            header={name: text for name in CITED if (text := found.text(name))},
        )


def _has_pictures(header: Header) -> bool:
    found = _Values(header.dataset)
    return header.pixels_at is not None and found.number("Rows", 0) > 0 and found.number("Columns", 0) > 0


def _at(found: _Values, zone: tzinfo) -> tuple[int | None, bool]:
    """Acquisition DateTime, else content date and time, else acquisition date and time. The study's and the series' say when those began,
    which may be hours before."""
    said = moment.offset(found.text("TimezoneOffsetFromUTC"))
    if found.text("TimezoneOffsetFromUTC") and said is None:
        return None, False
    if text := found.text("AcquisitionDateTime"):
        return moment.stamped(text, said, zone)
    for kind in ("Content", "Acquisition"):
        if found.text(f"{kind}Date"):
            return moment.joined(found.text(f"{kind}Date"), found.text(f"{kind}Time"), said, zone)
    return None, False


def _rate(found: _Values) -> float | None:
    """Pictures a second: Frame Time (ms), else Cine Rate, else Recommended Display Frame Rate."""
    step_ms = found.real("FrameTime")
    rates = [1000 / step_ms if step_ms else None, found.real("CineRate"), found.real("RecommendedDisplayFrameRate")]
    return next((rate for rate in rates if rate and SLOWEST_HZ <= rate <= FASTEST_HZ), None)


def _issuer(found: _Values) -> tuple[str, str, str]:
    """(name, universal id, its kind): Issuer of Patient ID and its qualifiers."""
    for item in found.items("IssuerOfPatientIDQualifiersSequence"):
        return found.text("IssuerOfPatientID"), item.text("UniversalEntityID"), item.text("UniversalEntityIDType")
    return found.text("IssuerOfPatientID"), "", ""


class _Values:
    """Values by keyword, as text or numbers, whatever they hold."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def text(self, keyword: str) -> str:
        """Empty: absent, several values where one is meant, or a character that no such text may hold (PS3.5 section 6.2)."""
        value = self._value(keyword)
        if value is None or isinstance(value, list) or type(value).__name__ in ("MultiValue", "Sequence"):
            return ""
        found = str(value).strip(" \0")[:1024]
        return "" if has_control(found) else found

    def number(self, keyword: str, absent: int) -> int:
        try:
            return int(self.text(keyword) or absent)
        except ValueError:
            return absent

    def real(self, keyword: str) -> float | None:
        try:
            return float(self.text(keyword) or "nan") or None
        except ValueError:
            return None

    def items(self, keyword: str) -> list[_Values]:
        value = self._value(keyword)
        return [_Values(item) for item in value] if isinstance(value, list) or type(value).__name__ == "Sequence" else []

    def _value(self, keyword: str) -> Any:
        try:
            return self._dataset.get(keyword)
        except Exception:
            return None


def named(path: Path) -> tuple[str, str, str, str]:
    """(SOP class, SOP instance, transfer syntax, study) of a file. Raises MessageError where it is no object; OSError."""
    found = read(path)
    values = _Values(found.dataset)
    return values.text("SOPClassUID"), values.text("SOPInstanceUID"), found.syntax, values.text("StudyInstanceUID")
