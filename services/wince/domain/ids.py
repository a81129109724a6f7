"""Ids that are made, not drawn: version 5 UUIDs of what they name, so that the same thing has the same id wherever it is made again.

Names are built of parts with their lengths, so that no two lists of parts give the same name, whatever the parts hold.
"""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid5

from wince import canonical
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.entry import Kind
from wince.domain.reason import Reason
from wince.domain.stay import Identifier

ROOT = UUID("6f3f1c0e-5d0b-5c1d-9b52-0f6f2a4a7e51")
"""Namespace of all sites."""


def make(namespace: UUID, what: str, *parts: object) -> UUID:
    """UUIDv5 of (what, parts) in a namespace. Parts count by their text."""
    return uuid5(namespace, "".join(f"{len(text)}:{text}," for text in (what, *map(str, parts))))


def site_namespace(site: str) -> UUID:
    """Namespace of a hospital's site, by its configured name."""
    return make(ROOT, "site", site)


def assessment_id(site: UUID, source: str, protocol: str, start_us: int) -> UUID:
    """One source, protocol and window has one assessment, for ever."""
    return make(site, "assessment", source, protocol, start_us)


def alert_id(assessment: UUID, start_us: int) -> UUID:
    """Alert that fired in a window, by the begin of its stable run."""
    return make(assessment, "alert", start_us)


def question_id(assessment: UUID, reason: Reason, start_us: int) -> UUID:
    """Question about a window: why, and from when on."""
    return make(assessment, "question", reason.value, start_us)


def entry_id(origin: UUID, patient: Identifier, encounter: Identifier, kind: Kind) -> UUID:
    """Charted entry: origin is the id of the assessment, alert or verdict; another patient or encounter gives another entry.

    Entries of before hold an id without the patient and keep it: an entry is found by (origin, patient, encounter, kind), not by this.
    """
    return make(origin, "entry", patient.system, patient.value, encounter.system, encounter.value, kind.value)


def stay_id(site: UUID, encounter: Identifier, bed: str, start_us: int) -> UUID:
    """One encounter in one bed from one moment on."""
    return make(site, "stay", encounter.system, encounter.value, bed, start_us)


def device_id(model_set: str, version: str) -> UUID:
    """The software with its models, as FHIR Device."""
    return make(ROOT, "device", model_set, version)


def related_id(entry: UUID, revision: int, what: str) -> UUID:
    """What is written beside a revision of an entry: "provenance", "audit", "request"."""
    return make(entry, what, revision)


def content_hash(message: Assessment | Alert | Question) -> bytes:
    """sha256 of the canonical JSON (sorted keys, no blanks) of everything but the id, `basis`, and a `shadow` that is not set: 32 bytes.

    Another hash under a known id is an alarm: the same window was computed with another result.
    """
    return hashlib.sha256(canonical.ascii_text(_plain(message)).encode()).digest()


def _plain(message: Assessment | Alert | Question) -> dict[str, object]:
    plain: dict[str, object] = {name: getattr(message, name) for name in message.__slots__ if name not in ("id", "basis")}
    if not plain.get("shadow"):  # what was written before there were shadows keeps its hash
        plain.pop("shadow", None)
    for name, value in plain.items():
        if isinstance(value, UUID):
            plain[name] = str(value)
        elif isinstance(value, dict):
            plain[name] = {str(key): count for key, count in value.items()}
    return plain
