"""Makes ADT and ORU messages as a hospital's interface engine would send them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

STRUCTURES = {"A01": "ADT_A01", "A02": "ADT_A02", "A03": "ADT_A03", "A04": "ADT_A01", "A08": "ADT_A01"}
STRUCTURES |= {"A11": "ADT_A09", "A12": "ADT_A09", "A13": "ADT_A01"}
"""MSH-9.3 by trigger (HL7 v2.5.1 table 0354)."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """An invented patient."""

    mrn: str
    family: str = "Doe"
    given: str = "Jane"
    birth_date: str = "19500101"
    """PID-7 as sent."""
    sex: str = "F"


def adt(
    trigger: str,
    patient: Person,
    bed: str,
    visit: str,
    at_us: int,
    *,
    occurred_us: int | None = None,
    control_id: str | None = None,
    authority: str = "HOSP",
    version: str = "2.5.1",
    charset: str = "UNICODE UTF-8",
    prior: str = "",
    fields: Mapping[str, str] | None = None,
) -> str:
    """One message, segments ended by CR.

    `bed`: PV1-3 as sent (POINTOFCARE^ROOM^BED). `at_us`: EVN-2 and MSH-7, microseconds UTC; `occurred_us`: EVN-6, absent: not
    sent. `control_id` absent: counts. `fields`: raw text put over a field, such as {"PID-3": ""}.
    """
    kind = "^".join(("ADT", trigger, STRUCTURES[trigger])) if trigger in STRUCTURES else f"ADT^{trigger}"
    at = _time(at_us)
    table = {
        "MSH": _fields(
            18, {2: "^~\\&", 3: "HIS", 4: authority, 5: "WINCE", 6: authority, 7: at, 9: kind, 11: "P", 12: version, 18: charset}
        ),
        "EVN": _fields(6, {2: at, 6: _time(occurred_us) if occurred_us is not None else ""}),
        "PID": _fields(
            8,
            {
                1: "1",
                3: f"{_escaped(patient.mrn)}^^^{authority}^MR",
                5: f"{_escaped(patient.family)}^{_escaped(patient.given)}",
                7: patient.birth_date,
                8: patient.sex,
            },
        ),
        "PV1": _fields(19, {1: "1", 2: "I", 3: bed, 6: prior, 19: f"{_escaped(visit)}^^^{authority}^VN"}),
    }
    table["MSH"][10] = control_id if control_id is not None else f"M{next(_numbers):08d}"
    for place, text in (fields or {}).items():
        segment, _, number = place.partition("-")
        row = table[segment]
        row += [""] * (int(number) + 1 - len(row))
        row[int(number)] = text
    lines = [f"MSH|{'|'.join(table['MSH'][2:])}"]
    lines += ["|".join([name, *table[name][1:]]).rstrip("|") for name in ("EVN", "PID", "PV1")]
    return "\r".join(lines) + "\r"


def oru(
    patient: Person,
    visit: str,
    at_us: int,
    results: Sequence[str],
    *,
    order: str = "",
    control_id: str | None = None,
    authority: str = "HOSP",
    processing: str = "P",
    observed: str | None = None,
) -> str:
    """One ORU^R01, segments ended by CR. `results`: raw OBX, each without "OBX|". `at_us`: MSH-7, and OBR-7 unless `observed` says that."""
    at, number = _time(at_us), control_id if control_id is not None else f"R{next(_numbers):08d}"
    lines = [
        f"MSH|^~\\&|HIS|{authority}|WINCE|{authority}|{at}||ORU^R01^ORU_R01|{number}|{processing}|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{_escaped(patient.mrn)}^^^{authority}^MR||{_escaped(patient.family)}^{_escaped(patient.given)}",
        f"PV1|1|I|||||||||||||||||{_escaped(visit)}^^^{authority}^VN",
        f"OBR|1||{order}|PAIN^Pain^L|||{at if observed is None else observed}",
        *(f"OBX|{one}" for one in results),
    ]
    return "\r".join(lines) + "\r"


def _fields(count: int, values: Mapping[int, str]) -> list[str]:
    return [values.get(number, "") for number in range(count + 1)]


def _time(at_us: int) -> str:
    """HL7 TS, exact to the microsecond's tenth of a millisecond that the type allows."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return moment.strftime("%Y%m%d%H%M%S") + f".{moment.microsecond // 100:04d}+0000"


def _escaped(text: str) -> str:
    marks = {"|": "F", "^": "S", "~": "R", "\\": "E", "&": "T"}
    return "".join(f"\\{marks[c]}\\" if c in marks else c for c in text)
