"""What the storage server takes and what it answers; the conformance statement is made of these tables.

Sources: PS3.4 table B.5-1 (storage classes), PS3.6 annex A (UIDs), PS3.4 table B.2-1 and PS3.7 annex C (statuses).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Its well-known instance."""
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"

VIDEO_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.77.1.4.1": "Video Photographic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.1.1": "Video Endoscopic Image Storage",
}
PICTURE_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.77.1.4": "VL Photographic Image Storage",
    "1.2.840.10008.5.1.4.1.1.77.1.1": "VL Endoscopic Image Storage",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image Storage",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture Image Storage",
}
STORAGE_CLASSES = VIDEO_CLASSES | PICTURE_CLASSES
"""UID -> name."""

VIDEO_SYNTAXES = {
    "1.2.840.10008.1.2.4.100": "MPEG2 Main Profile / Main Level",
    "1.2.840.10008.1.2.4.101": "MPEG2 Main Profile / High Level",
    "1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264 High Profile / Level 4.1",
    "1.2.840.10008.1.2.4.103": "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
    "1.2.840.10008.1.2.4.104": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
    "1.2.840.10008.1.2.4.105": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
    "1.2.840.10008.1.2.4.106": "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
    "1.2.840.10008.1.2.4.107": "HEVC/H.265 Main Profile / Level 5.1",
    "1.2.840.10008.1.2.4.108": "HEVC/H.265 Main 10 Profile / Level 5.1",
}
PICTURE_SYNTAXES = {
    EXPLICIT: "Explicit VR Little Endian",
    IMPLICIT: "Implicit VR Little Endian",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline (Process 1)",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless, Non-Hierarchical (Process 14)",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, Non-Hierarchical, First-Order Prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Lossy (Near-Lossless)",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 (Lossless Only)",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}
ENCAPSULATED = frozenset({*VIDEO_SYNTAXES, *PICTURE_SYNTAXES} - {EXPLICIT, IMPLICIT})
"""Transfer syntaxes whose pixel data lie in fragments."""


def syntaxes(abstract: str) -> frozenset[str]:
    """Transfer syntaxes that are taken of a SOP class; empty: the class is not taken."""
    if abstract in VIDEO_CLASSES:  # a video class may also hold single pictures, uncompressed or compressed one by one
        return frozenset({*VIDEO_SYNTAXES, *PICTURE_SYNTAXES})
    if abstract in PICTURE_CLASSES:
        return frozenset(PICTURE_SYNTAXES)
    return frozenset({EXPLICIT, IMPLICIT}) if abstract in (VERIFICATION, COMMITMENT) else frozenset()


class Status(IntEnum):
    """What a request is answered."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    """PS3.7 C.5.18."""
    NO_SUCH_ACTION = 0x0123
    """PS3.7 C.4.2.1.5."""
    CLASS_NOT_SUPPORTED = 0x0122
    UNRECOGNISED_OPERATION = 0x0211
    OUT_OF_RESOURCES = 0xA700
    """The object is larger than is taken, or the disk or database has no room."""
    NO_MATCH = 0xA900
    """The data set is of another class or instance than the request says."""
    NOT_UNDERSTOOD = 0xC000
    """The data set can't be read."""
    OTHER_CONTENT = 0xC112
    """An instance of this UID is there, with other content; the first stands."""
    NOT_KEPT_NOW = 0xA701
    """Nothing can be kept now (the database is away): the same again later."""
    WARNING_CLASS = 0xB007
    """Taken and kept, though what it lacks means that a person must look before it is graded."""


@dataclass(frozen=True, slots=True)
class Said:
    """A row of the table of statuses."""

    status: Status
    meaning: str
    comment: str
    """Error Comment (0000,0902), at most 64 characters, no PHI."""


STATUSES = (
    Said(Status.SUCCESS, "The object is on disk and in the database. The same object again is a success, too", ""),
    Said(
        Status.WARNING_CLASS,
        "Kept, and held for a person: no patient id, no usable time, or no picture data",
        "kept, and held for a person",
    ),
    Said(Status.OUT_OF_RESOURCES, "Larger than the limit, or no room on disk", "too large, or no room"),
    Said(Status.NO_MATCH, "The data set names another SOP class or instance than the request", "data set does not match the request"),
    Said(Status.NOT_UNDERSTOOD, "The data set can't be read, or its header is larger than 2 MiB", "data set can't be read"),
    Said(Status.OTHER_CONTENT, "The UID is known with other content; the first stands, the trail notes it", "known with other content"),
    Said(Status.NOT_KEPT_NOW, "Nothing can be kept now; send it again later", "nothing can be kept now"),
)
"""Answers to C-STORE."""
COMMENTS = {said.status: said.comment for said in STATUSES}
