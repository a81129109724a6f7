"""What a hospital's messages leave unsaid: whose zone, whose numbers, whose beds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from urllib.parse import quote

from wince.hl7.segments import Authority

DAY_US = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """As set; see settings/hospital.py. The defaults are for tests and demonstrations."""

    name: str = "wince-demo"
    """Names the installation; part of every id."""
    zone: tzinfo = UTC
    """Zone of times without an offset."""
    authority: str = ""
    """The authority whose medical record numbers count, as in PID-3.4: NAMESPACE, OID, or NAMESPACE&OID&ISO; empty: any, where one number
    is sent."""
    id_types: tuple[str, ...] = ("MR", "MRN", "PI")
    """Types of a medical record number (table 0203), the best first."""
    visit_number: str = "PV1-19"
    """Where the number of the visit stands: PV1-19 or PID-18."""
    facilities: tuple[str, ...] = ()
    """PV1-3.4 of the site's own beds."""
    production: bool = True
    """Only messages of MSH-11 P (or without it) are about real patients."""
    window_us: int = DAY_US
    """A used control id with another content is a new message where MSH-7 is at least so far away; 0: never."""

    @property
    def own(self) -> Authority:
        """The parts of `authority`."""
        return parts(self.authority)

    def counts(self, authority: Authority) -> bool:
        """Whether an authority is the site's: one of its names is. Where the site names none, each is."""
        return not self.authority or bool(_names(authority) & _names(self.own))


def parts(text: str) -> Authority:
    """An assigning authority as a site writes it: NAMESPACE, OID, or NAMESPACE&OID[&ISO].

    >>> parts("HOSP&1.2.3")
    Authority(namespace='HOSP', universal='1.2.3', kind='ISO')
    >>> parts("1.2.3")
    Authority(namespace='', universal='1.2.3', kind='ISO')
    """
    namespace, _, rest = text.partition("&")
    universal, _, kind = rest.partition("&")
    if not universal and _is_oid(namespace):
        namespace, universal = "", namespace
    return Authority(namespace, universal, kind or ("ISO" if universal else ""))


def system(authority: Authority) -> str:
    """URI of an assigning authority: urn:oid, urn:uuid or the URI itself where HD says so, else urn:wince:authority:<namespace>."""
    if authority.universal:
        kinds = {"ISO": "urn:oid:", "UUID": "urn:uuid:", "GUID": "urn:uuid:", "URI": ""}
        if authority.kind.upper() in kinds:
            return kinds[authority.kind.upper()] + authority.universal
    return f"urn:wince:authority:{quote(authority.namespace or authority.universal or 'unknown', safe='')}"


def _names(authority: Authority) -> set[str]:
    return {name for name in (authority.namespace, authority.universal) if name}


def _is_oid(text: str) -> bool:
    """Whether it is an object identifier and no namespace: digits with a dot between."""
    return "." in text and all(part.isdigit() for part in text.split("."))
