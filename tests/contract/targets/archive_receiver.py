"""An image archive for the contract: pynetdicom's storage server, which does what a test tells it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    Comprehensive3DSRStorage,
    KeyObjectSelectionDocumentStorage,
    StorageCommitmentPushModel,
    Verification,
)

from tests.contract.ehr.samples import PROTOCOLS, fresh_stay
from wince.delivery.interface import Target
from wince.delivery.sr.report import Writing
from wince.delivery.sr.target import SrTarget, Ways
from wince.dicom.scu.client import DicomArchive, Peer
from wince.domain.stay import Identifier

NOT_AUTHORIZED, NO_ROOM = 0x0124, 0xA700
TITLES = ("ARCHIVE", "WINCE_SR")


class ArchiveReceiver:
    """Keeps what it is sent, by SOP Instance UID; a second object of a UID replaces the first, as in most archives."""

    kind = "archive"

    def __init__(self, _directory: Path) -> None:
        self.held: dict[str, Any] = {}
        self.stores = 0
        """How often an object came."""
        self._lock = threading.Lock()
        self._lose = self._busy = 0
        self._refuses = False
        self._entity = AE(TITLES[0])
        self._entity.require_called_aet = True
        for one in (Comprehensive3DSRStorage, KeyObjectSelectionDocumentStorage, StorageCommitmentPushModel, Verification):
            self._entity.add_supported_context(one)

    def __enter__(self) -> Self:
        handlers: list[Any] = [(evt.EVT_C_STORE, self._store), (evt.EVT_C_ECHO, self._echo)]
        self._server = self._entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()

    def admit(self) -> tuple[Identifier, Identifier]:
        return fresh_stay()

    def seed(self, patient: Identifier, encounter: Identifier) -> None:
        """An archive takes whoever comes."""

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def reached(self) -> dict[str, Any]:
        return {"port": self.port}

    def stands(self, entry: UUID) -> list[str]:
        """Of each report that no other replaces."""
        mine = {sop: one for sop, one in self._reports() if entry_of(one) == entry}
        replaced = {
            item.ReferencedSOPInstanceUID
            for one in mine.values()
            for study in one.get("PredecessorDocumentsSequence") or ()
            for series in study.ReferencedSeriesSequence
            for item in series.ReferencedSOPSequence
        }
        return [_status(one) for sop, one in mine.items() if sop not in replaced]

    def entries(self) -> set[UUID]:
        return {entry_of(one) for _, one in self._reports()}

    def lose_answer(self) -> None:
        self._lose = 1

    def busy_once(self) -> None:
        self._busy = 1

    def refuse(self, *, all_of_it: bool) -> None:
        self._refuses, self._lose, self._busy = all_of_it, 0, 0

    def _reports(self) -> list[tuple[str, Any]]:
        with self._lock:
            return [(sop, one) for sop, one in self.held.items() if one.Modality == "SR"]

    def _store(self, event: Event) -> int:
        if self._refuses:
            return NOT_AUTHORIZED
        if self._busy:
            self._busy = 0
            return NO_ROOM
        with self._lock:
            self.stores += 1
            self.held[str(event.dataset.SOPInstanceUID)] = event.dataset
        if self._lose:
            self._lose = 0
            event.assoc.abort()
        return 0

    def _echo(self, _event: Event) -> int:
        return NOT_AUTHORIZED if self._refuses else 0


def entry_of(report: Any) -> UUID:
    """By the tracking identifier of its measurement group."""
    [imaging] = [item for item in report.ContentSequence if item.ValueType == "CONTAINER"]
    group = imaging.ContentSequence[0]
    tracking = next(item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "112039")
    return UUID(tracking.TextValue)


def _status(report: Any) -> str:
    if report.get("CompletionFlagDescription"):
        return "entered-in-error"
    return "preliminary" if report.PreliminaryFlag == "PRELIMINARY" else "final"


def archive_target(said: dict[str, Any], name: str) -> Target:
    """A target of the kind, as after a restart."""
    archive = DicomArchive(Peer("127.0.0.1", said["port"], *TITLES), total_s=20)
    return SrTarget(archive, PROTOCOLS, Writing(name, "test", "0.1.0"), Ways("Test"))
