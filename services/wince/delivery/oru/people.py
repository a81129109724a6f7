"""Who and where, as HL7 v2 writes it: identifiers with their assigning authority, and the bed."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from wince.domain.stay import Identifier
from wince.hl7.writing import composed

_NAMESPACE = "urn:wince:authority:"
_KINDS = {"urn:oid:": "ISO", "urn:uuid:": "UUID"}


def authority(system: str, names: Mapping[str, str]) -> str:
    """An identifier system as an HD in one component: NAMESPACE&ID&TYPE. `names`: see `Writing.authorities`.

    >>> authority("urn:wince:authority:HOSP", {}), authority("urn:oid:1.2.3", {}), authority("urn:oid:1.2.3", {"urn:oid:1.2.3": "HOSP"})
    ('HOSP', '&1.2.3&ISO', 'HOSP')
    """
    if system in names:
        return composed(*names[system].split("&"), by="&")
    if system.startswith(_NAMESPACE):
        return composed(unquote(system.removeprefix(_NAMESPACE)), by="&")
    for prefix, kind in _KINDS.items():
        if system.startswith(prefix):
            return composed("", system.removeprefix(prefix), kind, by="&")
    return composed("", system, "URI", by="&")


def number(identifier: Identifier, kind: str, names: Mapping[str, str]) -> str:
    """An identifier as CX, with its authority and type.

    >>> number(Identifier("urn:wince:authority:HOSP", "47^11"), "MR", {})
    '47\\\\S\\\\11^^^HOSP^MR'
    """
    return f"{composed(identifier.value)}^^^{authority(identifier.system, names)}^{composed(kind)}"


def location(bed: str) -> str:
    """A bed, POINTOFCARE^ROOM^BED[^FACILITY], as PL."""
    return composed(*bed.split("^")[:4])
