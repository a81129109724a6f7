"""An object as it is sent by C-STORE: its data set as it stands in its file, byte for byte, in the transfer syntax of the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wince.dicom.scp import command
from wince.dicom.scp.pdu import uid
from wince.dicom.scu.association import Association
from wince.dicom.scu.negotiation import IMPLICIT
from wince.errors import DataError
from wince.plain_file import regular

_PRIORITY = 0x0700


@dataclass(frozen=True, slots=True)
class Parcel:
    """An object that is to be sent."""

    sop_class: str
    instance: str
    syntax: str
    """Transfer syntax."""
    content: Path | bytes
    """The data set, or the file that holds it."""
    begins: int = 0
    """Where in the file."""

    def data(self) -> bytes:
        """The data set. Raises DataError where the file can't be read any more."""
        if isinstance(self.content, bytes):
            return self.content
        try:
            with self.content.open("rb") as stream:
                stream.seek(self.begins)
                return stream.read()
        except OSError as error:
            raise DataError(error.strerror or "can't be read", field=self.content, remedy="name a readable file") from None


def of_file(file: Path) -> Parcel | None:
    """The object of a file (PS3.10); None: it holds none. Raises DataError where it can't be read."""
    from pydicom.filereader import _read_file_meta_info, read_preamble

    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as stream:
            regular(stream.fileno())
            if stream.read(132)[128:] != b"DICM":
                return None
            stream.seek(0)
            read_preamble(stream, force=False)
            meta = _read_file_meta_info(stream)
            named = (str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID), str(meta.TransferSyntaxUID))
            begins = stream.tell()
    except OSError as error:
        raise DataError(error.strerror or "can't be read", field=file, remedy="name a readable file") from None
    except Exception:  # pydicom names no root of what it raises on spoilt bytes
        named, begins = ("", "", ""), 0
    if not all(map(uid, named)):
        raise DataError("is no DICOM object that can be read", field=file, remedy="check it with dcmdump") from None
    return Parcel(*named, file, begins)


def of_dataset(made: Any, syntax: str) -> Parcel:
    """A pydicom Dataset in a transfer syntax: its own, or a little endian one where it isn't encapsulated."""
    return Parcel(str(made.SOPClassUID), str(made.SOPInstanceUID), syntax, encoded(made, syntax))


def encoded(dataset: Any, syntax: str) -> bytes:
    """A pydicom Dataset in a little endian transfer syntax, without file meta information."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, syntax == IMPLICIT
    write_dataset(stream, dataset)
    return bytes(stream.getvalue())


def store(association: Association, parcel: Parcel, data: bytes) -> command.Command:
    """C-STORE; the command set of the answer. The association must take its class and transfer syntax. Raises Unavailable."""
    said: dict[int, int | str] = {command.CLASS: parcel.sop_class, command.FIELD: command.C_STORE, _PRIORITY: 0}
    said[command.INSTANCE] = parcel.instance
    return association.ask(parcel.sop_class, said, data, syntax=parcel.syntax)
