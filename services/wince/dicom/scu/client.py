"""An archive that is reached by DICOM messages: C-ECHO, C-STORE, and asking it to commit to what it stored."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wince.dicom.scp import command
from wince.dicom.scu import negotiation
from wince.dicom.scu.association import Association
from wince.dicom.scu.commitment import CLASS as COMMITMENT
from wince.dicom.scu.commitment import INSTANCE, REQUEST, Commitment, Heard, asked, told
from wince.dicom.scu.connection import Peer
from wince.dicom.scu.parcel import encoded, of_dataset, store
from wince.errors import MessageError, Refused, Unavailable

VERIFICATION = "1.2.840.10008.1.1"
REPORT, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59"
SENT = {REPORT: "Comprehensive 3D SR Storage", KEY_OBJECTS: "Key Object Selection Document Storage"}
"""SOP classes that are sent, with their names."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What an archive answered to objects."""

    statuses: tuple[int, ...]
    """DICOM status of each that was sent, in order; nothing is sent behind one that was refused."""
    commitment: Commitment | None = None
    """What it committed to; None: not asked, or not answered yet."""
    retry_after_s: float | None = None
    http: int = 0
    """Status of STOW-RS; 0 where it was not HTTP."""


class DicomArchive:
    """One archive. Thread-safe: each call has an association of its own."""

    def __init__(self, peer: Peer, *, total_s: float, heard: Heard | None = None) -> None:
        """total_s: of one exchange. heard: where commitments are told that come in elsewhere."""
        self._peer, self._total_s = peer, total_s
        self._heard = heard or Heard()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._over = False

    def echo(self) -> Sent:
        """C-ECHO. Raises Refused, Unavailable."""
        with self._associated([VERIFICATION]) as association:
            self._needs(association, VERIFICATION, "C-ECHO")
            return Sent((status_of(association.ask(VERIFICATION, {command.CLASS: VERIFICATION, command.FIELD: command.C_ECHO})),))

    def lacks(self, *, key_objects: bool, commitment: bool) -> list[str]:
        """What it does not accept of that which is sent to it: names of SOP classes. Raises as `echo`."""
        wanted = {REPORT: SENT[REPORT]} | ({KEY_OBJECTS: SENT[KEY_OBJECTS]} if key_objects else {})
        wanted |= {COMMITMENT: "Storage Commitment Push Model"} if commitment else {}
        with self._associated(list(wanted)) as association:
            return [name for abstract, name in wanted.items() if not association.takes(abstract)]

    def store(self, objects: Sequence[Any], *, commit_s: float = 0.0) -> Sent:
        """C-STORE of pydicom Datasets, in order. commit_s: for how long to wait until the archive commits to them; 0: it is not asked.
        Raises Refused where the archive takes no such objects, or offers no storage commitment, Unavailable where the outcome is
        unknown."""
        classes = list(dict.fromkeys(str(one.SOPClassUID) for one in objects))
        with self._associated([*classes, *([COMMITMENT] if commit_s else [])]) as association:
            for one in classes:
                self._needs(association, one, SENT.get(one, f"SOP class {one}"))
            if commit_s:
                self._needs_commitment(association)
            statuses: list[int] = []
            for one in objects:
                parcel = of_dataset(one, association.syntax(str(one.SOPClassUID)))
                statuses.append(status_of(store(association, parcel, parcel.data())))
                if not stored(statuses[-1]):
                    return Sent(tuple(statuses))
            named = [(str(one.SOPClassUID), str(one.SOPInstanceUID)) for one in objects]
            return Sent(tuple(statuses), self._commit(association, named, commit_s) if commit_s else None)

    def ask(self, instances: Sequence[tuple[str, str]], *, commit_s: float) -> Commitment | None:
        """Ask again whether it commits to (SOP class, SOP instance) that it stored; None: no answer in time. Raises Refused,
        Unavailable."""
        with self._associated([COMMITMENT]) as association:
            self._needs_commitment(association)
            return self._commit(association, instances, commit_s)

    def interrupt(self) -> None:
        """Break off what is in hand, and what begins from now on; see `Interruptible`."""
        with self._lock:
            self._over = True
            for one in self._open:
                with suppress(OSError):
                    socket.socket.shutdown(one, socket.SHUT_RDWR)

    def _associated(self, abstracts: Sequence[str]) -> Association:
        if self._over:
            raise Unavailable("stopped", field=self._peer.place)
        contexts = [negotiation.Context(one) for one in abstracts]
        return Association(self._peer, contexts, total_s=self._total_s, opened=self._opened, heard=self._event)

    def _opened(self, plain: socket.socket) -> None:
        with self._lock:
            self._open = {one for one in self._open if one.fileno() >= 0} | {plain}

    def _event(self, said: command.Command, data: bytes, syntax: str) -> None:
        with suppress(MessageError):  # what can't be read says nothing: it is asked again
            self._heard.tell(told(data, syntax))

    def _needs(self, association: Association, abstract: str, what: str) -> None:
        if not association.takes(abstract):
            remedy = "have the archive accept it, in Explicit or Implicit VR Little Endian"
            raise Refused(f"the archive does not accept {what}", field=self._peer.place, remedy=remedy)

    def _needs_commitment(self, association: Association) -> None:
        if not association.takes(COMMITMENT):
            remedy = "have it offered to us, or unset archive_commitment"
            raise Refused("the archive offers no storage commitment", field=self._peer.place, remedy=remedy)

    def _commit(self, association: Association, instances: Sequence[tuple[str, str]], seconds: float) -> Commitment | None:
        transaction = f"2.25.{uuid.uuid4().int}"
        said: dict[int, int | str] = {
            command.REQUESTED_CLASS: COMMITMENT,
            command.REQUESTED_INSTANCE: INSTANCE,
            command.FIELD: command.N_ACTION,
            command.ACTION: REQUEST,
        }
        data = encoded(asked(transaction, instances), association.syntax(COMMITMENT))
        if status_of(association.ask(COMMITMENT, said, data)) != 0:
            return None
        association.listen(seconds, lambda: self._heard.of(transaction) is not None)
        return self._heard.of(transaction)


def stored(status: int) -> bool:
    """Whether a status of C-STORE says that the object is there: success, a warning, or that it was there (PS3.4 table B.2-1, PS3.7
    C.5.12)."""
    return status in (0x0000, 0x0001, 0x0107, 0x0111, 0x0116) or status >> 12 == 0xB


def status_of(answer: command.Command) -> int:
    """The status of an answer; one without is a failure."""
    found = answer.get(command.STATUS)
    return found if isinstance(found, int) else 0x0110
