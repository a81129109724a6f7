"""Whose message it is: which of the numbers in PID-3, PV1-19, PID-18 and MRG names the patient or the visit. Pure."""

from __future__ import annotations

from wince.domain.stay import Identifier
from wince.hl7 import segments
from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header
from wince.hl7.message import Message
from wince.hospital.site import Site
from wince.hospital.site import system as named


def patient(message: Message, site: Site) -> Identifier:
    """The medical record number in PID-3. Raises Hl7Error (AE) where there is none, or several."""
    found = record_numbers(message, "PID", 3, site)
    if not found:
        remedy = f"send the MRN with a type ({', '.join(site.id_types)})" + (f" and the authority {site.authority}" * bool(site.authority))
        raise Hl7Error("medical record number missing", condition="101", field="PID-3", remedy=remedy)
    if len(found) > 1:
        remedy = "set the site's assigning authority (patient_authority), or send one"
        raise Hl7Error("several medical record numbers", condition="102", field="PID-3", remedy=remedy)
    return found[0]


def record_numbers(message: Message, segment: str, field: int, site: Site) -> list[Identifier]:
    """The medical record numbers in PID-3 or MRG-1: of the site's authority, where one is set; of the first type of the site's list that
    any of them has; each value once.

    A number without a type counts only where none has one, and then only if its authority is the site's, or none is said. Raises
    Hl7Error (102) for a number that is not one value.
    """
    every = segments.identifiers(message, segment, field)
    ours = [one for one in every if site.counts(one.authority) or (not one.authority.known and bool(site.authority))]
    kinds = [one.type.upper() for one in every if one.type]
    chosen = next((kind for kind in map(str.upper, site.id_types) if any(one.type.upper() == kind for one in ours)), None)
    numbers = [one for one in ours if one.type.upper() == chosen] if chosen else [one for one in ours if not kinds]
    if site.authority and any(one.authority.known for one in numbers):
        numbers = [one for one in numbers if one.authority.known]
    for one in numbers:
        _whole(one, f"{segment}-{field}")
    return _distinct(numbers, message.header, site)


def visit(message: Message, site: Site) -> Identifier | None:
    """The number of the visit, in the field that the site says; None where it is empty."""
    segment, field = ("PID", 18) if site.visit_number == "PID-18" else ("PV1", 19)
    return _first(message, segment, field, site)


def prior_visit(message: Message, site: Site) -> Identifier | None:
    """The number of the visit in MRG-5 (MRG-3 where PID-18 is the visit number); None where it is empty."""
    return _first(message, "MRG", 3 if site.visit_number == "PID-18" else 5, site)


def system(authority: segments.Authority, header: Header, site: Site) -> str:
    """URI of an assigning authority; where nothing is said, the sending facility's (MSH-4). The site's own has one URI, whichever of its
    names a message gives."""
    if not authority.known:
        authority = site.own if site.authority else segments.Authority(namespace=header.part(4) or header.part(3))
    return named(site.own if site.authority and site.counts(authority) else authority)


def _first(message: Message, segment: str, field: int, site: Site) -> Identifier | None:
    found = next(iter(segments.identifiers(message, segment, field)), None)
    if found is None:
        return None
    _whole(found, f"{segment}-{field}")
    return Identifier(system(found.authority, message.header, site), found.value)


def _distinct(numbers: list[segments.Identifier], header: Header, site: Site) -> list[Identifier]:
    """Each once; the same value by two names of one authority (its namespace, its OID) is one, by the name that says most."""
    found: dict[str, list[segments.Authority]] = {}
    for one in numbers:
        names = found.setdefault(one.value, [])
        for index, other in enumerate(names):
            if _same(other, one.authority):
                names[index] = max(other, one.authority, key=lambda name: (bool(name.universal), bool(name.namespace)))
                break
        else:
            names.append(one.authority)
    made = [Identifier(system(name, header, site), value) for value, names in found.items() for name in names]
    return list(dict.fromkeys(made))


def _same(one: segments.Authority, other: segments.Authority) -> bool:
    """Whether two may name one authority: they share a name, or one says nothing."""
    pairs = ((one.namespace, other.namespace), (one.universal, other.universal))
    return not (one.known and other.known) or any(left and left == right for left, right in pairs)


def _whole(identifier: segments.Identifier, field: str) -> None:
    if not identifier.whole:
        raise Hl7Error(
            "an identifier of several parts, or one that can't be decoded",
            condition="102",
            field=field,
            remedy="escape the subcomponent separator in it, and send its characters as they are",
        )
    longest = max(map(len, (identifier.value, identifier.authority.namespace, identifier.authority.universal)))
    if longest > segments.LONGEST:
        raise Hl7Error("identifier too long", condition="102", field=field, remedy=f"send at most {segments.LONGEST} characters")
