"""What each ADT event means for who lies where (HL7 v2.5.1 chapter 3, section 3.3): the one table of it.

`adt.py` reads a message by it, `marks.py` folds movements by it, and docs/reference/hl7.md shows it (`make docs`).
An event that isn't here, and one whose meaning is IGNORED, is acknowledged, audited, and changes nothing.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path

from wince.domain.census import CENSUS, Movement


class Meaning(StrEnum):
    """What an event does. The value is what the reference says of it."""

    ADMIT = "the patient lies in PV1-3 from then on, also after a discharge"
    MOVE = "the patient lies in PV1-3 from then on; not after a discharge"
    CHANGE_CLASS = (
        "the patient lies in PV1-3 from then on; not after a discharge. Where MRG-5 names another visit than PV1-19, that visit ends then"
    )
    UPDATE = (
        "the patient lies in PV1-3 from then on; not after a discharge or during a leave. Without PV1-3 no bed changes."
        " It alone corrects whose visit it is"
    )
    ARRIVE = "the patient lies in PV1-11 (temporary location), or where that is empty in PV1-3, from then on; not after a discharge"
    COME_BACK = "the patient lies in PV1-3, or where that is empty in the bed before the leave, from then on; not after a discharge"
    AWAY = "the patient lies in no bed from then on; the visit goes on"
    END = "the visit ends then"
    VOID = "the visit never was; only a new admission opens it again"
    CANCEL_MOVE = "the last transfer (A02) never was; the patient lies in PV1-3, where it is sent, from then on"
    CANCEL_END = "the last discharge (A03) never was; the patient lies in PV1-3, where it is sent, from then on"
    CANCEL_LEAVE = "the last leave (A21) never was"
    CANCEL_COME_BACK = "the last return (A22) never was: the patient is on leave again"
    CANCEL_DEPART = "the last departure (A09) never was"
    CANCEL_ARRIVE = "the last arrival (A10) never was"
    SWAP = "both patients (two PID, PV1) lie in their PV1-3 from then on, in one transaction"
    MERGE_PERSON = "the patient's numbers in MRG-1 are from now on those of PID-3; several PID, MRG groups are taken at once"
    MOVE_VISIT = "the visit in MRG-5 is the patient's in PID-3 (not that of MRG-1), and has the number PV1-19 where it is sent"
    MERGE_VISIT = "the visit number in MRG-5 is from now on that of PV1-19"
    MERGE_ACCOUNT = "where PID-18 is the visit number: the one in MRG-3 is from now on that of PID-18; else nothing"
    LISTED = "a list from outside: the patient lies in that bed (none: in no bed) from then on, also after a discharge; no event says so"
    IGNORED = "nothing: nobody lies in another bed by it"


TRIGGERS: dict[str, tuple[str, Meaning]] = {
    "A01": ("admit, visit notification", Meaning.ADMIT),
    "A02": ("transfer", Meaning.MOVE),
    "A03": ("discharge, end of visit", Meaning.END),
    "A04": ("register", Meaning.ADMIT),
    "A05": ("pre-admit", Meaning.IGNORED),
    "A06": ("change an outpatient to an inpatient", Meaning.CHANGE_CLASS),
    "A07": ("change an inpatient to an outpatient", Meaning.CHANGE_CLASS),
    "A08": ("update patient information", Meaning.UPDATE),
    "A09": ("patient departing, tracking", Meaning.AWAY),
    "A10": ("patient arriving, tracking", Meaning.ARRIVE),
    "A11": ("cancel admit", Meaning.VOID),
    "A12": ("cancel transfer", Meaning.CANCEL_MOVE),
    "A13": ("cancel discharge", Meaning.CANCEL_END),
    "A14": ("pending admit", Meaning.IGNORED),
    "A15": ("pending transfer", Meaning.IGNORED),
    "A16": ("pending discharge", Meaning.IGNORED),
    "A17": ("swap patients", Meaning.SWAP),
    "A18": ("merge patient information (until v2.3)", Meaning.MERGE_PERSON),
    "A20": ("bed status update", Meaning.IGNORED),
    "A21": ("patient goes on a leave of absence", Meaning.AWAY),
    "A22": ("patient returns from a leave of absence", Meaning.COME_BACK),
    "A23": ("delete a patient record", Meaning.VOID),
    "A24": ("link patient information", Meaning.IGNORED),
    "A25": ("cancel pending discharge", Meaning.IGNORED),
    "A26": ("cancel pending transfer", Meaning.IGNORED),
    "A27": ("cancel pending admit", Meaning.IGNORED),
    "A28": ("add person information", Meaning.IGNORED),
    "A29": ("delete person information", Meaning.IGNORED),
    "A30": ("merge person information", Meaning.MERGE_PERSON),
    "A31": ("update person information", Meaning.IGNORED),
    "A32": ("cancel patient arriving, tracking", Meaning.CANCEL_ARRIVE),
    "A33": ("cancel patient departing, tracking", Meaning.CANCEL_DEPART),
    "A34": ("merge patient information, patient id only", Meaning.MERGE_PERSON),
    "A35": ("merge patient information, account number only", Meaning.MERGE_ACCOUNT),
    "A36": ("merge patient information, patient id and account number", Meaning.MERGE_PERSON),
    "A37": ("unlink patient information", Meaning.IGNORED),
    "A38": ("cancel pre-admit", Meaning.IGNORED),
    "A39": ("merge person, patient id", Meaning.MERGE_PERSON),
    "A40": ("merge patient, patient identifier list", Meaning.MERGE_PERSON),
    "A41": ("merge account, patient account number", Meaning.MERGE_ACCOUNT),
    "A42": ("merge visit, visit number", Meaning.MERGE_VISIT),
    "A43": ("move patient information, patient identifier list", Meaning.MERGE_PERSON),
    "A44": ("move account information, patient account number", Meaning.MOVE_VISIT),
    "A45": ("move visit information, visit number", Meaning.MOVE_VISIT),
    "A46": ("change patient id", Meaning.MERGE_PERSON),
    "A47": ("change patient identifier list", Meaning.MERGE_PERSON),
    "A48": ("change alternate patient id", Meaning.IGNORED),
    "A49": ("change patient account number", Meaning.MERGE_ACCOUNT),
    "A50": ("change visit number", Meaning.MERGE_VISIT),
    "A51": ("change alternate visit id", Meaning.IGNORED),
    "A52": ("cancel leave of absence", Meaning.CANCEL_LEAVE),
    "A53": ("cancel patient returns from a leave of absence", Meaning.CANCEL_COME_BACK),
    "A54": ("change attending doctor", Meaning.IGNORED),
    "A55": ("cancel change attending doctor", Meaning.IGNORED),
    "A60": ("update adverse reaction information", Meaning.IGNORED),
    "A61": ("change consulting doctor", Meaning.IGNORED),
    "A62": ("cancel change consulting doctor", Meaning.IGNORED),
}
"""Trigger event -> its name in the standard, and its meaning here."""

CANCELS = {
    Meaning.CANCEL_MOVE: "A02",
    Meaning.CANCEL_END: "A03",
    Meaning.CANCEL_LEAVE: "A21",
    Meaning.CANCEL_COME_BACK: "A22",
    Meaning.CANCEL_DEPART: "A09",
    Meaning.CANCEL_ARRIVE: "A10",
}
"""The event that each takes back."""
NEEDS_BED = frozenset({"A01", "A02", "A06", "A10", "A17"})
"""Events that say nothing without a bed: PV1-3 is required."""
MERGES = frozenset({Meaning.MERGE_PERSON, Meaning.MERGE_VISIT, Meaning.MERGE_ACCOUNT, Meaning.MOVE_VISIT})
"""What is said in MRG."""


def does(movement: Movement) -> Meaning:
    """What a kept movement does: an event of the hospital's, or what a list from outside became."""
    if movement.ends:
        return Meaning.END
    return Meaning.LISTED if movement.trigger == CENSUS else meaning(movement.trigger)


def meaning(trigger: str) -> Meaning:
    """The meaning of a trigger event; IGNORED if it isn't known."""
    return TRIGGERS[trigger][1] if trigger in TRIGGERS else Meaning.IGNORED


def table() -> str:
    """The table as Markdown."""
    rows = "".join(f"| {trigger} | {name} | {what} |\n" for trigger, (name, what) in TRIGGERS.items())
    return f"| event | in the standard | here |\n|---|---|---|\n{rows}"


def shown(page: str) -> str:
    """A page with this table between its two marks."""
    begin, end = "<!-- python -m wince.hospital.triggers -->\n", "<!-- end -->"
    before, rest = page.split(begin)
    return f"{before}{begin}{table()}{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(shown(page.read_text("utf-8")), "utf-8")
