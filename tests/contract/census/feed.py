"""A hospital for the contract tests: it says things in HL7, and is asked who lies where."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from wince.domain.binding import in_bed
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.hospital.interface import Census
from wince.hospital.listener import AdtListener
from wince.hospital.site import Site
from wince.testing.hl7 import code

ICU1, ICU2, ICU3 = "ICU^101^A", "ICU^102^A", "ICU^103^A"


class Feed:
    """A hospital that says things, and what is believed then. Times are HHMM of one day, or whole HL7 times."""

    def __init__(self, census: Census, site: Site) -> None:
        self.census, self.listener = census, AdtListener(census, site)
        self._count = 0

    def say(self, trigger: str, at: str, *segments: str, control: str = "", processing: str = "P", sent: str = "", event: str = "") -> str:
        """Send a message of these segments after MSH and EVN; the acknowledgement."""
        self._count += 1
        when = at if len(at) > 4 else f"20261121{at}00"
        header = f"MSH|^~\\&|ADT1|HOSP|WINCE|X|{sent or when}||ADT^{trigger}|{control or self._count}|{processing}|2.5.1"
        lines = [header, f"EVN|{trigger}|{when}" + (f"||||{event}" if event else ""), *segments]
        return self.listener.handle(("\r".join(lines) + "\r").encode()).decode()

    def tell(self, *arguments: str, **options: str) -> None:
        """The same, and it is accepted."""
        answer = self.say(*arguments, **options)
        assert code(answer) == "AA", answer

    def lies(self, bed: str, at: str, zone: str = "UTC") -> str:
        """Who lies in a bed at HHMM: "patient/visit", "" for nobody, "two"."""
        local = datetime.strptime(at if len(at) > 4 else f"20261121{at}", "%Y%m%d%H%M").replace(tzinfo=ZoneInfo(zone))
        moment = round(local.astimezone(UTC).timestamp()) * 1_000_000
        found = in_bed(self.census.stays(bed, moment, moment + 1), bed, moment, 1 << 61)
        if isinstance(found, Stay):
            return f"{found.patient.value}/{found.encounter.value}"
        return "two" if found is Reason.TWO_PATIENTS else ""

    def ids(self, bed: str) -> set[object]:
        """Ids of the believed stays of a bed."""
        return {stay.id for stay in self.census.stays(bed, 0, None)}


def pid(mrn: str = "70001", born: str = "19500101", account: str = "") -> str:
    number = mrn if "^" in mrn else f"{mrn}^^^HOSP^MR"
    return f"PID|1||{number}||Probst^Kuno||{born}|M" + (f"||||||||||{account}" if account else "")


def pv1(bed: str = ICU1, visit: str = "V900", *, temporary: str = "", kind: str = "I", admitted: str = "", discharged: str = "") -> str:
    fields = [""] * 46
    fields[1:4] = ["1", kind, bed]
    fields[11], fields[44], fields[45] = temporary, admitted, discharged
    fields[19] = visit if "^" in visit or not visit else f"{visit}^^^HOSP^VN"
    return "|".join(["PV1", *fields[1:]]).rstrip("|")


def mrg(mrn: str = "", *, account: str = "", visit: str = "") -> str:
    number = f"{mrn}^^^HOSP^MR" if mrn and "^" not in mrn else mrn
    return f"MRG|{number}||{account}||{visit and visit + '^^^HOSP^VN'}".rstrip("|")
