"""Storage commitment (PS3.4 annex J): what is asked for in an N-ACTION, and the data set of its N-EVENT-REPORT."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from wince.dicom import extra
from wince.dicom.scp.interface import Keeper, Report
from wince.dicom.scp.pdu import uid
from wince.dicom.scp.tables import IMPLICIT
from wince.errors import MessageError

REFERENCES = 10_000
"""Most objects of one request."""
NO_SUCH_INSTANCE = 0x0112
"""Failure Reason of an object that is not here (PS3.3 section C.14.1.1)."""


def asked(content: bytes, syntax: str, keeper: Keeper) -> Report:
    """The answer to the data set of an N-ACTION. Raises MessageError where it can't be read, and what `keeper` does."""
    from pydicom.filereader import read_dataset

    extra.quiet()
    try:
        found = read_dataset(BytesIO(content), is_implicit_VR=syntax == IMPLICIT, is_little_endian=True)
        transaction = str(found.TransactionUID)
        references = [(str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID)) for item in found.ReferencedSOPSequence]
    except Exception:
        raise _wrong("can't be read") from None
    if not references or len(references) > REFERENCES or not all(map(uid, [transaction, *(one for pair in references for one in pair)])):
        raise _wrong("names no objects, or not by UIDs")
    kept = keeper.kept(references)
    return Report(
        transaction,
        tuple(pair for pair, here in zip(references, kept, strict=True) if here),
        tuple(pair for pair, here in zip(references, kept, strict=True) if not here),
    )


def dataset(report: Report) -> Any:
    """The report as a pydicom Dataset."""
    from pydicom.dataset import Dataset

    def item(pair: tuple[str, str], reason: int | None) -> Dataset:
        made = Dataset()
        made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = pair
        if reason is not None:
            made.FailureReason = reason
        return made

    made = Dataset()
    made.TransactionUID = report.transaction
    if report.kept:
        made.ReferencedSOPSequence = [item(pair, None) for pair in report.kept]
    if report.failed:
        made.FailedSOPSequence = [item(pair, NO_SUCH_INSTANCE) for pair in report.failed]
    return made


def encoded(report: Report, syntax: str) -> bytes:
    """The report's data set in a transfer syntax."""
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_dataset

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, syntax == IMPLICIT
    write_dataset(stream, dataset(report))
    return stream.getvalue()


def event(report: Report) -> int:
    """Event Type ID: 1 all is kept, 2 something is not."""
    return 2 if report.failed else 1


def _wrong(what: str) -> MessageError:
    return MessageError(f"a request for storage commitment {what}", field="N-ACTION", remedy="see PS3.4 section J.3.2")
