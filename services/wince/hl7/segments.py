"""Typed views of what EVN, PID and PV1 say. Field numbers and types: HL7 v2.5.1 chapters 2A (data types) and 3 (patient administration)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from wince.control import has_control
from wince.hl7.errors import Hl7Error
from wince.hl7.message import Message

LONGEST = 250
"""Characters of an identifier, of the parts of its authority, and of a bed's name that are taken: a CX and a PL have that many in all in
v2.5.1 (15 and 20 in one part). Databases index them."""
DELETED = '""'
"""An explicit null: delete what is known (v2.5.1 section 2.5.3). An empty field says nothing."""
_TIME = re.compile(
    r"(?P<y>\d{4})(?:(?P<mo>\d\d)(?:(?P<d>\d\d)(?:(?P<h>\d\d)(?:(?P<mi>\d\d)(?:(?P<s>\d\d)(?:\.(?P<f>\d{1,6}))?)?)?)?)?)?"
    r"(?P<z>[+-]\d{4})?"
)


@dataclass(frozen=True, slots=True)
class Authority:
    """An assigning authority (HD): namespace, universal id and its type; parts that are absent are empty."""

    namespace: str = ""
    universal: str = ""
    kind: str = ""

    @property
    def known(self) -> bool:
        """Whether anything is said."""
        return bool(self.namespace or self.universal)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A CX: value, assigning authority, identifier type code (MR, VN, ...; table 0203). PHI."""

    value: str
    authority: Authority
    type: str
    whole: bool = True
    """False where the value came in subcomponents, which an identifier (ST) has none of: it says two things, and must not name anybody.
    Also where an escape in it stands for no character, or it holds a control character."""


@dataclass(frozen=True, slots=True)
class Location:
    """A PL reduced to point of care, room, bed and facility. `deleted`: sent as an explicit null."""

    point_of_care: str = ""
    room: str = ""
    bed: str = ""
    facility: str = ""
    """Namespace of PL.4, else its universal id."""
    deleted: bool = False

    @property
    def known(self) -> bool:
        """Whether a place is named."""
        return bool(self.point_of_care or self.room or self.bed)

    @property
    def text(self) -> str:
        """ "POINTOFCARE^ROOM^BED"; empty where nothing is named."""
        return "^".join((self.point_of_care, self.room, self.bed)) if self.known else ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time stamp as microseconds UTC."""

    us: int
    later_us: int | None = None
    """The second moment that it may mean: local time without offset, in the hour that a clock set back repeats."""
    skipped: bool = False
    """Local time that a clock set forward leaves out; `us` is as if it had not been set."""


def identifiers(message: Message, segment: str, field: int) -> list[Identifier]:
    """CX repetitions with a value. One whose parts can't be decoded is there too, and not `whole`."""
    component, subcomponent = message.header.encoding[0], message.header.encoding[3]
    found = []
    for text in message.repetitions(segment, field):
        raw = text.split(component)
        try:
            parts = ["" if part == DELETED else part for part in message.components(text, exact=True)]
            authority = ["" if part == DELETED else part for part in message.subcomponents(raw[3], exact=True)] if len(raw) > 3 else []
            whole = subcomponent not in raw[0] and not any(map(has_control, (parts[0], *authority)))
        except Hl7Error:
            parts, authority, whole = raw, raw[3].split(subcomponent) if len(raw) > 3 else [], False
        if parts[0]:
            found.append(Identifier(parts[0], Authority(*authority[:3]), parts[4] if len(parts) > 4 else "", whole))
    return found


def location(message: Message, field: int) -> Location:
    """PV1-3 (assigned) or PV1-11 (temporary)."""
    text = message.first("PV1", field)
    if text == DELETED:
        return Location(deleted=True)
    raw = text.split(message.header.encoding[0])
    try:
        parts = [message.subcomponents(part, exact=True)[0] for part in raw[:3]]
        facility = [part for part in message.subcomponents(raw[3], exact=True) if part not in ("", DELETED)] if len(raw) > 3 else []
    except Hl7Error as error:
        error.field = f"PV1-{field}"
        raise
    if any(map(has_control, (*parts, *facility))):
        raise Hl7Error("a bed's name holds a control character", condition="102", field=f"PV1-{field}", remedy="name beds without it")
    if any("^" in part for part in (*parts, *facility)):
        raise Hl7Error("a bed's name holds ^", condition="102", field=f"PV1-{field}", remedy="name beds without ^")
    if any(len(part) > LONGEST for part in (*parts, *facility)):
        raise Hl7Error("a bed's name is too long", condition="102", field=f"PV1-{field}", remedy=f"send at most {LONGEST} characters")
    point_of_care, room, bed = ["" if part == DELETED else part for part in [*parts, "", ""][:3]]
    return Location(point_of_care, room, bed, facility[0] if facility else "")


def moment(text: str, zone: tzinfo, field: str) -> Moment | None:
    """A time stamp (TS, DTM); None where absent.

    Without an offset it is the site's: `zone`. In the hour that a clock set back repeats, `us` is the first moment. Raises Hl7Error
    (102) for what is no time, or less exact than a minute: a move needs its minute.
    """
    text = text.strip()
    if not text or text == DELETED:
        return None
    found = _TIME.fullmatch(text)
    if not found or found["mi"] is None:
        raise Hl7Error("not a time with its minute", condition="102", field=field, remedy="send YYYYMMDDHHMM[SS][+ZZZZ]")
    try:
        year, month, day, hour, minute = (int(found[part]) for part in ("y", "mo", "d", "h", "mi"))
        local = datetime(year, month, day, hour, minute, int(found["s"] or 0))
        local = local.replace(microsecond=int((found["f"] or "0").ljust(6, "0")), tzinfo=_offset(found["z"]) or zone)
        first, second = _utc(local), _utc(local.replace(fold=1))
        if first < second:
            return Moment(first, second)
        return Moment(first, skipped=second < first)  # PEP 495: in a gap fold 0 has the offset before it, fold 1 the one after it
    except (ValueError, OverflowError):
        raise Hl7Error("no such date or time", condition="102", field=field, remedy="send YYYYMMDDHHMM[SS][+ZZZZ]") from None


def _utc(local: datetime) -> int:
    return round((local.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def birth_date(message: Message) -> date | None:
    """PID-7; None where absent, deleted, or known to the year or month only. Raises Hl7Error (102) for what is no date."""
    text = (message.components(message.first("PID", 7)) or [""])[0]
    if not text or text == DELETED:
        return None
    found = _TIME.fullmatch(text)
    try:
        if not found:
            raise ValueError
        born = date(int(found["y"]), int(found["mo"] or 1), int(found["d"] or 1))
    except ValueError:
        raise Hl7Error("no such date", condition="102", field="PID-7", remedy="send YYYYMMDD, YYYYMM or YYYY") from None
    return born if found["d"] else None


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    minutes = int(text[1:3]) * 60 + int(text[3:])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))
