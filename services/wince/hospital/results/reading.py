"""What an ORU^R01 message (HL7 v2.5.1 section 7.3.1) says of pain that people scored. Pure.

An OBX counts whose code (OBX-3) the site lists. Of any other one nothing is kept, and nothing of it can be wrong. One that counts, but
can't be read, is passed over and named by its field; who it is about must be readable (PID-3, the visit's number), else the message is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from wince import canonical
from wince.domain.codes import listed
from wince.domain.score import Report, Reported, Score
from wince.domain.stay import Identifier
from wince.hl7 import segments
from wince.hl7.errors import Hl7Error
from wince.hl7.message import Message
from wince.hospital import adt, identity, notes
from wince.hospital.site import Site
from wince.store.scores import score_id

SYSTEMS = {"LN": "http://loinc.org", "SCT": "http://snomed.info/sct", "SNM3": "http://snomed.info/sct", "SNM": "http://snomed.info/sct"}
"""Coding systems of HL7 table 0396 -> their FHIR names. An OID is urn:oid:OID; any other name (99XXX, L) stands for itself."""
SAID = frozenset("FCP")
"""OBX-11 (table 0085): final, corrected, preliminary."""
WITHDRAWN = frozenset("DWX")
"""Deleted; posted under a wrong patient or code; not to be had."""
OTHER = frozenset("RSIONU")
"""Not said yet, by anybody."""
HIGHEST = 100
"""A score is 0 to 100: the longest scale of pain is a line of 100 mm."""
AHEAD_US = 600 * 1_000_000
"""How far after its message's time (MSH-7) a score may have been said: two clocks differ."""
LONGEST = 64
"""Characters of an order's number that are shown."""
_NUMBER = re.compile(r"\+?\d{1,3}(\.\d{0,6})?")
_OID = re.compile(r"\d+(\.\d+)+")


def read(message: Message, site: Site, codes: Sequence[str], recorded_us: int) -> Report:
    """The scores in it. Raises Hl7Error (AE) where one of them names no patient or no visit."""
    sent = adt.sent(message.header, site)
    sent_us = recorded_us if sent is None else sent.us
    reported: list[Reported] = []
    said: list[str] = []
    for group in message.groups():
        code = _code(group, codes)
        if not code:
            continue
        who, visit = identity.patient(group, site), identity.visit(group, site)
        if visit is None:
            remedy = "send the visit number of the encounter with each score"
            raise Hl7Error("visit number missing", condition="101", field=site.visit_number, remedy=remedy)
        try:
            found = _result(group, site, code, who, visit, sent_us, said)
        except Hl7Error as error:
            said.append(_bad(error))
        else:
            reported += [found] if found is not None else []
    return Report(adt.key(message.header, message.digest), recorded_us, sent_us, tuple(reported), tuple(dict.fromkeys(said)))


def _result(group: Message, site: Site, code: str, who: Identifier, visit: Identifier, sent_us: int, said: list[str]) -> Reported | None:
    status = group.first("OBX", 11).strip().upper()
    if status in OTHER:
        return None
    if status not in SAID | WITHDRAWN:
        raise Hl7Error("no result status that is known", condition="103" if status else "101", field="OBX-11")
    at = _at(group, site, sent_us)
    said += [notes.DOUBLED_HOUR] if at.later_us is not None else []
    said += [notes.SKIPPED_HOUR] if at.skipped else []
    order = _order(group)
    name = [visit.system, visit.value, code, group.first("OBX", 4).strip(), str(at.us), order]
    where = _reference(group, order, at.us)
    value = ""
    if status in SAID:
        try:
            value = _value(group)
        except Hl7Error as error:  # what is said now is no number; a number that was said before is not right any more
            said.append(_bad(error))
    return Reported(Score(score_id("oru", canonical.text(name)), where, who, visit, at.us, code, value), bool(value))


def _bad(error: Hl7Error) -> str:
    return f"{error.field} {error.condition}"


def _code(group: Message, codes: Sequence[str]) -> str:
    """The site's code that an OBX has, as it is listed; empty where it has none, or where its name can't be read."""
    try:
        parts = group.components(group.first("OBX", 3))
    except Hl7Error:
        return ""
    parts += [""] * 6
    return listed((f"{_system(parts[place + 2])}|{parts[place]}" for place in (0, 3) if parts[place] and parts[place + 2]), codes)


def _system(name: str) -> str:
    return SYSTEMS.get(name.upper()) or (f"urn:oid:{name}" if _OID.fullmatch(name) else name)


def _at(group: Message, site: Site, sent_us: int) -> segments.Moment:
    """When it was said: OBX-14, else OBR-7."""
    for segment, field in (("OBX", 14), ("OBR", 7)):
        text = group.first(segment, field).split(group.header.encoding[0])[0]
        at = segments.moment(text, site.zone, f"{segment}-{field}")
        if at is not None:
            if at.us > sent_us + AHEAD_US:
                raise Hl7Error("said after the message was sent", condition="102", field=f"{segment}-{field}")
            return at
    raise Hl7Error("time of the result missing", condition="101", field="OBX-14")


def _order(group: Message) -> str:
    """Number of the filler's order (OBR-3), else of the placer's (OBR-2); empty where none is sent."""
    return next((text for text in ("^".join(group.components(group.first("OBR", field))).strip("^") for field in (3, 2)) if text), "")


def _reference(group: Message, order: str, at_us: int) -> str:
    """What people can find it by, at who sent it."""
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC).isoformat().replace("+00:00", "Z")
    parts = ["HL7 v2 result", group.header.part(4) or group.header.part(3), at, f"order {order[:LONGEST]}" if order else ""]
    return ", ".join(part for part in parts if part)


def _value(group: Message) -> str:
    """OBX-5 by its type (OBX-2): NM and ST, SN without a comparison, CE and CWE whose code is a number."""
    kind, texts = group.first("OBX", 2).strip().upper(), group.repetitions("OBX", 5)
    if len(texts) != 1:
        raise Hl7Error("not one value", condition="102" if texts else "101", field="OBX-5")
    parts = group.components(texts[0])
    if kind == "SN":
        plain = parts[0] in ("", "=") and not any(parts[2:])
        text = parts[1] if plain and len(parts) > 1 else ""
    elif kind in ("CE", "CWE"):
        text = parts[0]
    elif kind in ("NM", "ST"):
        text = "" if any(parts[1:]) else parts[0]
    else:
        raise Hl7Error("no type of a number", condition="102", field="OBX-2")
    if not _NUMBER.fullmatch(text) or not text.isascii() or float(text) > HIGHEST:
        raise Hl7Error(f"no number from 0 to {HIGHEST}", condition="102", field="OBX-5")
    return f"{float(text):g}"
