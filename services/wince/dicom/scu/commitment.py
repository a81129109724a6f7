"""Storage commitment as its user (PS3.4 annex J): what an N-ACTION asks, and what an N-EVENT-REPORT says."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from wince.dicom import extra
from wince.dicom.scp.pdu import uid
from wince.errors import MessageError

CLASS = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
INSTANCE = "1.2.840.10008.1.20.1.1"
"""Its well-known instance."""
REQUEST = 1
"""Action Type ID: request storage commitment."""
_MOST = 4096


@dataclass(frozen=True, slots=True)
class Commitment:
    """What an archive says of objects that it was asked to commit to."""

    transaction: str
    kept: frozenset[str]
    """SOP Instance UIDs that it answers for."""
    failed: Mapping[str, int] = field(default_factory=dict)
    """Those that it does not, with its Failure Reason (PS3.3 section C.14.1.1)."""


def asked(transaction: str, instances: Sequence[tuple[str, str]]) -> Any:
    """The Action Information, as a pydicom Dataset. `instances`: (SOP class, SOP instance)."""
    from pydicom.dataset import Dataset

    made = Dataset()
    made.TransactionUID = transaction
    made.ReferencedSOPSequence = []
    for sop_class, sop in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop
        made.ReferencedSOPSequence.append(item)
    return made


def told(content: bytes, syntax: str) -> Commitment:
    """What the data set of an N-EVENT-REPORT says. Raises MessageError where it can't be read."""
    from pydicom.filereader import read_dataset
    from pydicom.uid import ImplicitVRLittleEndian

    extra.quiet()
    try:
        said = read_dataset(BytesIO(content), is_implicit_VR=syntax == ImplicitVRLittleEndian, is_little_endian=True)
        kept = frozenset(str(item.ReferencedSOPInstanceUID) for item in said.get("ReferencedSOPSequence") or ())
        failed = {str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0)) for item in said.get("FailedSOPSequence") or ()}
        transaction = str(said.TransactionUID)
    except Exception:  # pydicom names no root of what it raises on spoilt bytes
        raise MessageError("an N-EVENT-REPORT can't be read", field="commitment", remedy="the archive must follow PS3.4 annex J") from None
    if not all(uid(one) for one in (transaction, *kept, *failed)):
        raise MessageError("an N-EVENT-REPORT holds what is no UID", field="commitment")
    return Commitment(transaction, kept - failed.keys(), failed)


class Heard:
    """What archives said of late: whoever waits for an answer finds it here, wherever it came in. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: OrderedDict[str, Commitment] = OrderedDict()
        self._new: deque[Commitment] = deque(maxlen=_MOST)

    def tell(self, said: Commitment) -> None:
        """Keep it; of the last some thousand transactions."""
        with self._lock:
            self._said[said.transaction] = said
            self._new.append(said)
            while len(self._said) > _MOST:
                self._said.popitem(last=False)

    def of(self, transaction: str) -> Commitment | None:
        """What came of a transaction; None: nothing yet."""
        with self._lock:
            return self._said.get(transaction)

    def drain(self) -> list[Commitment]:
        """What was told since this was asked last."""
        with self._lock:
            found = list(self._new)
            self._new.clear()
        return found
