"""Codes of the site's own for what protocols measure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SiteCode:
    """A code that the site gives a protocol's number: a row of its own ConceptMap."""

    protocol: str
    system: str
    """A URI; for an HL7 v2 receiver as in HL7 table 0396, such as LN, SCT or L (local)."""
    code: str
    display: str = ""
