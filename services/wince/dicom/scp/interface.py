"""What the storage server hands on, and what it asks: its ports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wince.dicom.scp.peers import Peer
from wince.dicom.scp.tables import Status


@dataclass(frozen=True, slots=True)
class Received:
    """An object that lies whole in a file of ours (PS3.10), not yet kept."""

    path: Path
    """Whoever keeps it moves it away; it is deleted else."""
    sop_class: str
    instance: str
    """As the request names them; both are UIDs."""
    syntax: str
    """Transfer syntax."""
    sender: str
    """AE title, or the name of a caller of STOW-RS, or "folder"."""
    bytes: int


class Keeper(Protocol):
    """Keeps objects. Called from several threads at a time; may block."""

    def keep(self, received: Received) -> Status:
        """SUCCESS or a warning only when the object survives whatever happens to this process and machine; else the reason why not.
        What it raises is answered NOT_KEPT_NOW."""
        ...

    def kept(self, references: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """Of each (SOP class, SOP instance) whether it is kept here. May raise."""
        ...


class Reporter(Protocol):
    """Tells a peer what a storage commitment came to, on an association of its own. Called from several threads at a time; may block."""

    def report(self, peer: Peer, event: Report) -> bool:
        """Have it told, whatever happens to this process once this returns; False where it can't be (the peer's address is not set, or too
        much waits for it). What it raises is answered with a failure: the peer asks again."""
        ...


@dataclass(frozen=True, slots=True)
class Report:
    """What an N-EVENT-REPORT of storage commitment says (PS3.4 annex J.3.3)."""

    transaction: str
    kept: tuple[tuple[str, str], ...]
    """(SOP class, SOP instance)."""
    failed: tuple[tuple[str, str], ...]
    """Not kept here."""
