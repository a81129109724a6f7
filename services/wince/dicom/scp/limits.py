"""What a peer may take of this machine."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the storage server; the settings have the same names with `dicom_`."""

    associations: int = 16
    """Associations at a time."""
    per_address: int = 8
    """Associations of one address at a time."""
    per_minute: int = 120
    """New connections of one address within any 60 s."""
    pdu_bytes: int = 256 * 1024
    """Longest P-DATA-TF that is taken; offered to every peer."""
    request_bytes: int = MIB
    """Longest A-ASSOCIATE-RQ."""
    command_bytes: int = 64 * 1024
    """Longest command set."""
    data_bytes: int = 4 * MIB
    """Longest data set that is no object: of N-ACTION."""
    object_bytes: int = 1 << 30
    """Largest object."""
    drained_bytes: int = 5 << 30
    """Of an object that is refused: how much is read and dropped, so that its sender hears the status; then the association is aborted."""
    idle_s: float = 60.0
    """Longest silence of a peer, and longest time for one PDU."""
    request_s: float = 15.0
    """Time for TLS and the A-ASSOCIATE-RQ (the ARTIM timer of PS3.8 section 9.1.5)."""
