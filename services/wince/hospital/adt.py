"""What an ADT message says (HL7 v2.5.1 chapter 3): one Movement, or nothing that concerns beds. Pure.

    A01 admit, A04 register   the patient lies in PV1-3 from the event's time on; also after a discharge
    A02 transfer, A08 update  the patient lies in PV1-3 from the event's time on; never after a discharge (bills are updated then)
    A03 discharge             the visit ends at the event's time
    A11 cancel admit          the visit never was
    A12 cancel transfer       the last transfer never was; the patient is in PV1-3
    A13 cancel discharge      the last discharge never was; the patient is in PV1-3

When it happened is EVN-6, else EVN-2, else MSH-7; when the hospital knew is EVN-2, else MSH-7. An A08 that corrects a bed back to
the admission says so in EVN-6.
"""

from __future__ import annotations

from wince.domain.census import MessageKey, Movement
from wince.domain.stay import Identifier
from wince.hl7 import segments
from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header
from wince.hl7.message import Message
from wince.hospital.site import Site
from wince.hospital.site import system as named

TRIGGERS = frozenset({"A01", "A02", "A03", "A04", "A08", "A11", "A12", "A13"})
"""Events that concern stays."""
WITHOUT_BED = frozenset({"A03", "A11"})
"""Events that need no PV1-3."""


def key(header: Header, digest: str) -> MessageKey:
    """The message's name."""
    return MessageKey(header.field(3), header.field(4), header.control_id, digest)


def concerns(header: Header) -> bool:
    """Whether the message is one of TRIGGERS; other ADT events are taken and ignored. Raises Hl7Error (AR) for what is no ADT."""
    if header.type != "ADT":
        raise Hl7Error("only ADT is taken here", condition="200", field="MSH-9", remedy="route ADT only to this port", rejected=True)
    if not header.trigger:
        raise Hl7Error("trigger event missing", condition="101", field="MSH-9", remedy="send such as ADT^A01", rejected=True)
    return header.trigger in TRIGGERS


def movement(message: Message, site: Site, recorded_us: int) -> Movement:
    """What the message says. Raises Hl7Error (AE) naming the field that is missing or wrong."""
    header = message.header
    if message.further:
        raise Hl7Error("several patients in one message", condition="100", field="PID", remedy="send one patient per message")
    for name in ("EVN", "PID", "PV1"):
        if not message.has(name):
            raise Hl7Error("segment missing", condition="100", field=name, remedy=f"send {name} with every ADT event")
    patient = _patient(message, site)
    visit = next(iter(segments.identifiers(message, "PV1", 19)), None)
    if visit is None:
        raise Hl7Error("visit number missing", condition="101", field="PV1-19", remedy="send the visit number of the encounter")
    _whole(visit, "PV1-19")
    place = segments.location(message, 3)
    if header.trigger not in WITHOUT_BED and not place.known and not place.deleted:
        raise Hl7Error("assigned location missing", condition="101", field="PV1-3", remedy='send POINTOFCARE^ROOM^BED, or "" for none')
    entered = segments.moment(_text(message, 2), site.zone, "EVN-2")
    if entered is None:
        entered = segments.moment(header.part(7), site.zone, "MSH-7")
    happened = segments.moment(_text(message, 6), site.zone, "EVN-6")
    if entered is None and happened is None:
        raise Hl7Error("time of the event missing", condition="101", field="EVN-2", remedy="send EVN-6 or EVN-2 with its minute")
    return Movement(
        key=key(header, message.digest),
        trigger=header.trigger,
        encounter=Identifier(system(visit.authority, header, site), visit.value),
        patient=Identifier(system(patient.authority, header, site), patient.value),
        bed=place.text,
        at_us=_either(happened, entered),
        known_us=_either(entered, happened),
        recorded_us=recorded_us,
        birth_date=segments.birth_date(message),
        ward=place.point_of_care,
    )


def system(authority: segments.Authority, header: Header, site: Site) -> str:
    """URI of an assigning authority; where nothing is said, the sending facility's (MSH-4). The site's own has one URI, whichever of its
    names a message gives."""
    if not authority.known:
        authority = segments.Authority(namespace=header.part(4) or header.part(3))
        if site.authority:
            authority = site.own
    return named(site.own if site.authority and site.counts(authority) else authority)


def _patient(message: Message, site: Site) -> segments.Identifier:
    """The MRN: PID-3 of type MR, of the site's authority where several are sent; the only identifier where none is typed."""
    found = segments.identifiers(message, "PID", 3)
    typed = [one for one in found if one.type == "MR"] or [one for one in found if not one.type]
    if site.authority and len(typed) > 1:
        typed = [one for one in typed if site.authority in (one.authority.namespace, one.authority.universal)]
    if not typed:
        raise Hl7Error("medical record number missing", condition="101", field="PID-3", remedy="send the MRN as a repetition of type MR")
    if len(set(typed)) > 1:
        raise Hl7Error(
            "several medical record numbers", condition="102", field="PID-3", remedy="set the site's assigning authority, or send one MR"
        )
    _whole(typed[0], "PID-3")
    return typed[0]


def _whole(identifier: segments.Identifier, field: str) -> None:
    if not identifier.whole:
        raise Hl7Error("an identifier of several parts", condition="102", field=field, remedy="escape the subcomponent separator in it")


def _text(message: Message, field: int) -> str:
    return message.first("EVN", field).split(message.header.encoding[0])[0]


def _either(one: int | None, other: int | None) -> int:
    chosen = one if one is not None else other
    assert chosen is not None
    return chosen
