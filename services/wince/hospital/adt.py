"""What an ADT message says (HL7 v2.5.1 chapter 3): movements of visits, links of numbers, or nothing that concerns beds. Pure.

What each event means stands in triggers.py. When it happened is EVN-6; else, of an admission PV1-44 and of a discharge PV1-45; else EVN-2,
else MSH-7. When the hospital knew is EVN-2, else MSH-7. An A08 that corrects a bed back to the admission says so in EVN-6. A time without
an offset is in the site's zone, whatever offset another field has.

A time that is used and lies further ahead of now than the site allows is refused by name: it would put somebody into a bed before anybody
lies there, and outrank what the hospital says until then.

A bad value in a field that isn't needed costs that field alone; one in a field that says who, where or when is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from wince.domain.census import Change, Kind, Link, MessageKey, Movement
from wince.domain.stay import Identifier
from wince.hl7 import segments
from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header
from wince.hl7.message import Message
from wince.hl7.segments import Moment
from wince.hospital import identity, notes
from wince.hospital.site import Site
from wince.hospital.triggers import MERGES, NEEDS_BED, Meaning, meaning


@dataclass(frozen=True, slots=True)
class Times:
    """When a message's event was, and when the hospital knew of it."""

    at: Moment
    known: Moment
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a message says."""

    change: Change
    at: Moment
    """When it happened, as one of two moments perhaps."""
    known: Moment
    """When the hospital knew, as one of two moments perhaps."""


def key(header: Header, digest: str) -> MessageKey:
    """The message's name."""
    return MessageKey(header.field(3), header.field(4), header.control_id, digest)


def ignored(header: Header, site: Site) -> str:
    """Why the message changes nothing, for the audit trail: its event concerns no bed, or it is about no real patient. Empty where it
    does. Raises Hl7Error (AR) for what is no ADT."""
    if header.type != "ADT":
        raise Hl7Error("only ADT is taken here", condition="200", field="MSH-9", remedy="route ADT only to this port", rejected=True)
    if not header.trigger:
        raise Hl7Error("trigger event missing", condition="101", field="MSH-9", remedy="send such as ADT^A01", rejected=True)
    if about_nobody := practice(header, site):
        return f"ADT^{header.trigger[:3]} {about_nobody}"
    does = meaning(header.trigger)
    if does is Meaning.IGNORED or (does is Meaning.MERGE_ACCOUNT and site.visit_number != "PID-18"):
        return f"ADT^{header.trigger[:3]}"
    return ""


def practice(header: Header, site: Site) -> str:
    """Why a message is about no real patient (MSH-11), for the audit trail; empty where it is."""
    processing = header.part(11).upper()
    return f"MSH-11 {processing[:1]}" if site.production and processing not in ("", "P") else ""


def word(header: Header, site: Site) -> int | None:
    """When the hospital sent a message that changes nothing, microseconds UTC: its feed speaks. None: it is about no real patient, or says
    no time."""
    when = None if practice(header, site) else sent(header, site)
    return None if when is None else when.us


def read(message: Message, site: Site, recorded_us: int, latest_us: int | None = None) -> Said | None:
    """What the message says; None where it merges or moves numbers that name nobody here. `latest_us`: the last moment at which it may
    have happened or been known; None: any. Raises Hl7Error (AE) naming the field that is missing or wrong."""
    header, groups = message.header, message.groups()
    does = meaning(header.trigger)
    if not message.has("PID"):
        raise Hl7Error("segment missing", condition="100", field="PID", remedy="send PID with every ADT event")
    times = _times(message, site, latest_us)
    movements: list[Movement] = []
    links: list[Link] = []
    said = list(times.notes)
    if does in MERGES:
        for group in groups:
            _merge(group, does, site, times, recorded_us, movements, links)
        if not movements and not links:
            return None
        said += [notes.MERGED] if links else []
    else:
        if does is Meaning.SWAP and len(groups) != 2:
            raise Hl7Error("a swap of two patients", condition="100", field="PID", remedy="send PID and PV1 of both")
        if does is not Meaning.SWAP and len(groups) > 1:
            raise Hl7Error("several patients in one message", condition="100", field="PID", remedy="send one patient per message")
        for group in groups:
            movements += _moves(group, does, site, times, recorded_us)
        said += [notes.NO_BIRTH_DATE] if any(_birth_date(group)[1] for group in groups) else []
    when = sent(header, site)
    change = Change(
        key(header, message.digest),
        header.trigger,
        recorded_us,
        recorded_us if when is None else when.us,
        tuple(movements),
        tuple(links),
        tuple(said),
    )
    return Said(change, times.at, times.known)


def _moves(message: Message, does: Meaning, site: Site, times: Times, recorded_us: int) -> list[Movement]:
    """The movement of a visit, and the end of another that it goes on from."""
    header = message.header
    for name in ("EVN", "PV1"):
        if not message.has(name):
            raise Hl7Error("segment missing", condition="100", field=name, remedy=f"send {name} with every such event")
    who = identity.patient(message, site)
    visit = identity.visit(message, site)
    if visit is None:
        field = site.visit_number
        raise Hl7Error("visit number missing", condition="101", field=field, remedy="send the visit number of the encounter")
    place, said = _place(message, does)
    if header.trigger in NEEDS_BED and not said:
        raise Hl7Error("assigned location missing", condition="101", field="PV1-3", remedy='send POINTOFCARE^ROOM^BED, or "" for none')
    moved = Movement(
        key=key(header, message.digest),
        trigger=header.trigger,
        encounter=visit,
        patient=who,
        bed=_bed(place, site),
        at_us=times.at.us,
        known_us=times.known.us,
        recorded_us=recorded_us,
        birth_date=_birth_date(message)[0],
        ward=place.point_of_care,
        bed_said=said,
    )
    before = identity.prior_visit(message, site) if does is Meaning.CHANGE_CLASS and message.has("MRG") else None
    if before is None or before == visit:
        return [moved]
    ended = Movement(moved.key, moved.trigger, before, who, "", moved.at_us, moved.known_us, recorded_us, bed_said=False, ends=True)
    return [ended, moved]


def _merge(
    message: Message, does: Meaning, site: Site, times: Times, recorded_us: int, movements: list[Movement], links: list[Link]
) -> None:
    """What one PID with its MRG says: added to movements and links. A number of another authority, or one that is merged
    with itself: nothing."""
    if not message.has("MRG"):
        raise Hl7Error("segment missing", condition="100", field="MRG", remedy="send what is merged or moved")

    def link(kind: Kind, old: Identifier, new: Identifier) -> None:
        if old != new:
            links.append(Link(kind, old, new, times.known.us, recorded_us))

    if does is Meaning.MERGE_PERSON:
        if not segments.identifiers(message, "MRG", 1):
            raise _no_prior_number()
        for old in identity.record_numbers(message, "MRG", 1, site):
            link(Kind.PERSON, old, identity.patient(message, site))
        return
    before, now = identity.prior_visit(message, site), identity.visit(message, site)
    if before is None:
        if message.header.trigger == "A44" and site.visit_number != "PID-18":
            return  # it moves an account, which is no number of ours
        raise _no_prior_number()
    if does is not Meaning.MOVE_VISIT and now is None:
        raise Hl7Error("visit number missing", condition="101", field=site.visit_number, remedy="send the number that stands from now on")
    if now is not None:
        link(Kind.VISIT, before, now)
    if does is Meaning.MOVE_VISIT:
        who = identity.patient(message, site)
        at = (times.at.us, times.known.us, recorded_us)
        movements.append(Movement(key(message.header, message.digest), message.header.trigger, now or before, who, "", *at, bed_said=False))


def _no_prior_number() -> Hl7Error:
    return Hl7Error("prior number missing", condition="101", field="MRG", remedy="send the number that is given up, or whose visit moves")


def _place(message: Message, does: Meaning) -> tuple[segments.Location, bool]:
    """Where the patient is from then on, and whether that is said."""
    if does in (Meaning.END, Meaning.VOID, Meaning.AWAY):
        return segments.Location(), False
    if does is Meaning.UPDATE and message.first("PV1", 2).strip().upper() == "P":
        return segments.Location(), False  # a pre-admitted patient's bed is a plan
    place = segments.location(message, 11) if does is Meaning.ARRIVE else segments.Location()
    if not place.known:
        place = segments.location(message, 3)
    return place, place.known or place.deleted


def _bed(place: segments.Location, site: Site) -> str:
    other = place.facility and place.facility not in site.facilities
    return f"{place.text}^{place.facility}" if other and place.known else place.text


def _times(message: Message, site: Site, latest_us: int | None) -> Times:
    said: list[str] = []

    def moment(text: str, name: str) -> Moment | None:
        return not_ahead(segments.moment(text, site.zone, name), name, latest_us)

    entered = moment(_text(message, "EVN", 2), "EVN-2") or moment(message.header.part(7), "MSH-7")
    happened = moment(_text(message, "EVN", 6), "EVN-6")
    field = {Meaning.ADMIT: 44, Meaning.END: 45}.get(meaning(message.header.trigger))
    if happened is None and field is not None and message.has("PV1"):
        try:
            happened = segments.moment(_text(message, "PV1", field), site.zone, f"PV1-{field}")
        except Hl7Error:
            said.append(notes.NO_VISIT_TIME)
        happened = not_ahead(happened, f"PV1-{field}", latest_us)
    at, known = happened or entered, entered or happened
    if at is None or known is None:
        raise Hl7Error("time of the event missing", condition="101", field="EVN-2", remedy="send EVN-6 or EVN-2 with its minute")
    said += [notes.SKIPPED_HOUR] if at.skipped or known.skipped else []
    return Times(at, known, tuple(said))


def not_ahead(moment: Moment | None, field: str, latest_us: int | None) -> Moment | None:
    """The moment. Raises Hl7Error (AE) where it lies after `latest_us`."""
    if moment is not None and latest_us is not None and moment.us > latest_us:
        remedy = "send an event once it has happened; are the sender's clock and time_zone right? (event_ahead_min is the bound)"
        raise Hl7Error("lies ahead of now", condition="102", field=field, remedy=remedy)
    return moment


def sent(header: Header, site: Site) -> Moment | None:
    """When a message was sent (MSH-7); None where it says no time."""
    try:
        return segments.moment(header.part(7), site.zone, "MSH-7")
    except Hl7Error:
        return None


def _birth_date(message: Message) -> tuple[date | None, bool]:
    """PID-7, and whether something stands there that is no date."""
    try:
        return segments.birth_date(message), False
    except Hl7Error:
        return None, True


def _text(message: Message, segment: str, field: int) -> str:
    return message.first(segment, field).split(message.header.encoding[0])[0]
