"""Writes a hospital's events as HL7 v2 messages, in the habits of one sender: precision, offsets, which field holds which time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from tests.e2e.storm.hospital import HOUR, MINUTE, SECOND, Event, Group

_WITHOUT_MEANING = "A05 A14 A15 A16 A19 A20 A24 A25 A26 A27 A28 A29 A31 A35 A37 A38 A41 A48 A49 A51 A54 A55 A60 A61 A62 Z99"
IGNORED = tuple(_WITHOUT_MEANING.split())
"""Nothing of who lies where is in them, whatever bed they name."""
STRUCTURES = {"A01": "ADT_A01", "A02": "ADT_A02", "A03": "ADT_A03", "A04": "ADT_A01", "A08": "ADT_A01", "A17": "ADT_A17", "A40": "ADT_A39"}


@dataclass(frozen=True)
class Habits:
    """How a sender writes."""

    zone: str = "UTC"
    local: bool = False
    """Times have no offset: they are the zone's."""
    minutes: bool = False
    """Times are exact to the minute."""
    occurred: str = "needed"
    """EVN-6: `needed` where it differs from EVN-2, `always`, or `visit`: admission and discharge in PV1-44 and PV1-45 instead."""
    visit_times: bool = False
    """PV1-44 and PV1-45 stand in every message."""
    facility: str = ""
    """PV1-3.4 of own beds."""
    numbers: int = 0
    """Which form of PID-3."""
    version: str = "2.5.1"
    account: bool = False
    """The visit's number stands in PID-18 (and MRG-3), and PV1-19 holds another, of no meaning here."""
    recounts: bool = False
    """Control ids begin again at 1 after more than a day."""

    @property
    def tz(self) -> tzinfo:
        return ZoneInfo(self.zone)

    @property
    def grain(self) -> int:
        return MINUTE if self.minutes else SECOND


FORMS = (
    "{0}^^^HOSP^MR",
    "{0}^^^HOSP^mr",
    "{0}^^^HOSP^MR~{0}^^^HOSP^MR",
    "123-45-678^^^SSA^SS~{0}^^^HOSP^MR",
    "{0}^^^HOSP^MR~987654^^^SSA",
    "88^^^SOUTH^MR~{0}^^^HOSP^MR",
)
"""Forms of PID-3 that mean one number of the site's authority."""


def doubled(habits: Habits, at: int) -> tuple[int, int] | None:
    """The two readings of a local time that a change of the clocks doubles; None where it has one."""
    if not habits.local:
        return None
    naive = moment(at).astimezone(habits.tz).replace(tzinfo=None)
    readings = {_us(naive.replace(tzinfo=habits.tz, fold=fold)) for fold in (0, 1)}
    return (min(readings), max(readings)) if len(readings) > 1 else None


def moment(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)


def _us(when: datetime) -> int:
    return round(when.timestamp()) * SECOND


def _time(habits: Habits, at: int | None) -> str:
    if at is None:
        return ""
    when = moment(at).astimezone(habits.tz)
    text = when.strftime("%Y%m%d%H%M" if habits.minutes else "%Y%m%d%H%M%S")
    return text if habits.local else text + when.strftime("%z")


def write(event: Event, habits: Habits, control: str, sent: int) -> str:
    """The message. `sent`: MSH-7."""
    structure = f"^{STRUCTURES[event.trigger]}" if event.trigger in STRUCTURES else ""
    occurred = _time(habits, event.at)
    if habits.occurred == "needed" and event.at == event.known:
        occurred = ""
    in_visit = habits.occurred == "visit" and event.trigger in ("A01", "A04", "A03")
    if in_visit:
        occurred = ""
    lines = [
        f"MSH|^~\\&|HIS|HOSP|WINCE|WINCE|{_time(habits, sent)}||"
        f"ADT^{event.trigger}{structure}|{control}|{event.processing}|{habits.version}",
        f"EVN|{event.trigger}|{_time(habits, event.known)}||||{occurred}".rstrip("|"),
    ]
    for number, group in enumerate(event.groups, 1):
        lines += _group(event, group, habits, number, in_visit)
    return "\r".join(lines) + "\r"


def _group(event: Event, group: Group, habits: Habits, number: int, in_visit: bool) -> Sequence[str]:
    form = FORMS[habits.numbers % len(FORMS)]
    account = f"{group.visit}^^^HOSP^AN" if habits.account and group.visit else ""
    lines = [f"PID|{number}||{form.format(group.person)}||Probst^Kuno||19500101|M||||||||||{account}".rstrip("|")]
    if group.old_person or group.old_visit:
        old = ["", f"{group.old_person or group.person}^^^HOSP^MR", "", "", "", ""]
        if group.old_visit:
            old[3 if habits.account else 5] = f"{group.old_visit}^^^HOSP^VN"
        lines.append(("MRG" + "|".join(old)).rstrip("|"))
    if group.visit:
        fields = [""] * 46
        fields[1], fields[2] = str(number), "I"
        fields[3], fields[6], fields[11] = (_place(one, habits) for one in (group.bed, group.prior_bed, group.temporary_bed))
        fields[19] = f"{event.n}^^^HOSP^VN" if habits.account else f"{group.visit}^^^HOSP^VN"
        if habits.visit_times or in_visit:
            fields[44] = _time(habits, event.admitted)
            fields[45] = _time(habits, event.discharged)
            # What these fields say of their own event is that event's time: a visit that is opened again was admitted again.
            if event.trigger in ("A01", "A04"):
                fields[44] = _time(habits, event.at)
            if event.trigger == "A03":
                fields[45] = _time(habits, event.at)
        lines.append("PV1" + "|".join(["", *fields[1:]]).rstrip("|"))
    return lines


def _place(bed: str, habits: Habits) -> str:
    return f"{bed}^{habits.facility}" if bed and habits.facility and bed.count("^") == 2 else bed


DST_HOURS = 2 * HOUR
"""Two messages whose entering lies so close to a change of the clocks are not reordered: nothing tells their order."""
