"""Codes as DICOM writes them: value, designator of the scheme, meaning (PS3.3 section 8). Pure.

Code systems are URIs everywhere else in Wince. Here each has a designator: DICOM's own for the systems that it knows (PS3.16 table 8-1),
99WINCE for all of ours, and for a site's own system 99 with the head of the URI's sha256. Each designator beyond DICOM's stands in the
document with its URI (Coding Scheme Identification Sequence).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

OURS = "99WINCE"
OURS_VERSION = "1"
"""Version of the scheme 99WINCE: counts when the meaning of a code changes, not when one is added."""
OURS_URI = "urn:wince"
DCM = "DCM"
UCUM = "UCUM"
_KNOWN = {"http://loinc.org": "LN", "http://snomed.info/sct": "SCT", "http://unitsofmeasure.org": UCUM}
_PREFIX = {"urn:wince:reason": "why-", "urn:wince:entry-kind": "e-", "urn:wince:method": "by-", "urn:wince:component": ""}
"""What stands before the codes of a system of ours: one scheme holds them all, and "none" is both a reason and a grade."""
_MEANING = 64
"""Characters of a Code Meaning (LO)."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A code of a scheme."""

    value: str
    scheme: str
    """Its designator, at most 16 characters."""
    meaning: str
    """At most 64 characters."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """A coding scheme that DICOM does not know, as a document names it."""

    designator: str
    uri: str
    name: str
    version: str = ""


def coded(system: str, code: str, meaning: str = "") -> Coded:
    """A code of a system (URI).

    >>> coded("urn:wince:reason", "dark", "Too dark")
    Coded(value='why-dark', scheme='99WINCE', meaning='Too dark')
    >>> coded("urn:wince:codes:icu", "tense", "Tense face").value, coded("http://loinc.org", "38216-8", "FLACC face").scheme
    ('icu-tense', 'LN')
    """
    return Coded(plain(_value(system, code)), designator(system), plain(meaning or code)[:_MEANING].strip())


def designator(system: str) -> str:
    """The designator of a system (URI)."""
    if system in _KNOWN:
        return _KNOWN[system]
    return OURS if _is_ours(system) else f"99{hashlib.sha256(system.encode()).hexdigest()[:10]}"


def scheme(system: str) -> Scheme | None:
    """What a document says of a system (URI); None of one that DICOM knows."""
    if system in _KNOWN:
        return None
    if _is_ours(system):
        return Scheme(OURS, OURS_URI, "Codes of Wince", OURS_VERSION)
    return Scheme(designator(system), system, "Codes of the site")


def plain(text: str) -> str:
    """A text without what DICOM's short texts may not hold: controls, and the backslash that parts values.

    >>> plain("a\\\\b\\n c")
    'a/b c'
    """
    shown = "".join(c if c.isprintable() else " " for c in text.replace("\\", "/"))
    return " ".join(shown.split())


def _is_ours(system: str) -> bool:
    return system.startswith("urn:wince:")


def _value(system: str, code: str) -> str:
    if not _is_ours(system):
        return code
    if system in _PREFIX:
        return _PREFIX[system] + code
    protocol = system.rpartition(":")[2]
    return code if code == protocol else f"{protocol}-{code}"
