"""What an acknowledgement means (HL7 v2.5.1 section 2.9, tables 0008 and 0357). Pure.

    MSA-1     condition (ERR)                      outcome
    AA, CA                                         written (CA: only where no application's acknowledgement is asked for)
    AE, CE    204 unknown key identifier           retry: the patient's ADT may not have come yet
              205 duplicate key identifier         written, where it may have been sent before; else dead
              206 locked, 207 internal error       retry
              200 to 203 type, event, id, version  held: each message would be refused so
              100 to 104 segment, field, value     dead
              none, another                        dead, after a while
    AR, CR    as AE; none, another                 held where it refuses several entries and takes none; else dead, after a while
    anything else, nothing, another's MSA-2        unknown: the same message again

Of what a receiver says only codes and places are kept: its texts may hold a patient's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wince.delivery.interface import Answer, Outcome
from wince.hl7.header import read_header

CONDITIONS = {
    "100": "segment sequence error",
    "101": "required field missing",
    "102": "data type error",
    "103": "table value not found",
    "104": "value too long",
    "200": "unsupported message type",
    "201": "unsupported event code",
    "202": "unsupported processing id",
    "203": "unsupported version id",
    "204": "unknown key identifier",
    "205": "duplicate key identifier",
    "206": "application record locked",
    "207": "application internal error",
}
"""HL7 table 0357."""
UNKNOWN_PATIENT_S = 60.0
"""After how long a message is sent again whose patient the receiver does not know."""
_HEADER = ("200", "201", "202", "203")
_CONTENT = ("100", "101", "102", "103", "104")
_LATER = ("206", "207")
_SEGMENT = re.compile("[A-Z][A-Z0-9]{2}")
_WHOLE = "have the receiver take this type, version and processing id, or set another oru_profile; then `wince outbox release {}`"
_REFUSES = "see the receiver's log: it refuses every message; then `wince outbox release {}`"


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledgement. Holds no text of the receiver."""

    code: str
    """MSA-1."""
    control_id: str
    """MSA-2: the message that it answers."""
    condition: str = ""
    """Of table 0357; empty: none, or another."""
    place: str = ""
    """Such as PID-3; empty where it names none."""

    @property
    def taken(self) -> bool:
        """AA or CA."""
        return self.code in ("AA", "CA")

    @property
    def said(self) -> str:
        """For the outbox.

        >>> Ack("AE", "1", "101", "PID-5").said
        'AE 101 required field missing PID-5'
        """
        return " ".join(part for part in (self.code, self.condition, CONDITIONS.get(self.condition, ""), self.place) if part)


def read_ack(raw: bytes) -> Ack | None:
    """An acknowledgement; None where it is none (no MSH, no MSA, a code that table 0008 doesn't have)."""
    header = read_header(raw)
    if header is None or len(header.encoding) < 4:
        return None
    lines = [line.split(header.separator) for line in re.split("[\r\n]+", raw.decode("ascii", "replace"))]
    msa = next((line for line in lines if line[0] == "MSA"), [])
    if len(msa) < 2 or msa[1] not in ("AA", "AE", "AR", "CA", "CE", "CR"):
        return None
    found = [_error(line, header.encoding) for line in lines if line[0] == "ERR"]
    found.append((_condition(_component(msa, 6, header.encoding, 0)), ""))
    condition, place = next((one for one in found if one[0]), ("", ""))
    return Ack(msa[1], msa[2].strip() if len(msa) > 2 else "", condition, place)


def meaning(ack: Ack, *, first: bool, whole: bool, target: str) -> Answer:
    """What to do. `first`: the message was certainly never sent before. `whole`: the receiver refuses other entries too, and has taken
    none since. `target`: its name, for the remedy."""
    if ack.taken:
        return Answer(Outcome.WRITTEN, ack.said)
    if ack.condition == "204":
        return Answer(Outcome.RETRY, ack.said, retry_after_s=UNKNOWN_PATIENT_S)
    if ack.condition == "205" and not first:
        return Answer(Outcome.WRITTEN, f"{ack.said}: it is there already")
    if ack.condition in _LATER:
        return Answer(Outcome.RETRY, ack.said)
    if ack.condition in _HEADER:
        return Answer(Outcome.HELD, ack.said, remedy=_WHOLE.format(target))
    if ack.condition in _CONTENT or ack.condition == "205":
        return Answer(Outcome.DEAD, ack.said)
    if ack.code in ("AR", "CR") and whole:
        return Answer(Outcome.HELD, ack.said, remedy=_REFUSES.format(target))
    return Answer(Outcome.DEAD, ack.said, may_pass=True)


def _error(line: Sequence[str], encoding: str) -> tuple[str, str]:
    """Condition and place of ERR: from v2.5 on ERR-3 and ERR-2, before that the components of ERR-1."""
    condition, where = _condition(_component(line, 3, encoding, 0)), 2
    if not condition:
        condition, where = _condition(_component(line, 1, encoding, 3)), 1
    segment, field = _component(line, where, encoding, 0), _component(line, where, encoding, 2)
    named = bool(_SEGMENT.fullmatch(segment)) and field.isascii() and field.isdigit() and len(field) <= 2
    return condition, f"{segment}-{field}" if named else ""


def _component(line: Sequence[str], field: int, encoding: str, number: int) -> str:
    repetition = line[field].split(encoding[1])[0] if len(line) > field else ""
    parts = repetition.split(encoding[0])
    return parts[number].split(encoding[3])[0].strip() if len(parts) > number else ""


def _condition(text: str) -> str:
    return text if text in CONDITIONS else ""
