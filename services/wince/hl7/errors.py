"""What is wrong with an HL7 message, in the words of its acknowledgement."""

from __future__ import annotations

from wince.errors import MessageError

CONDITIONS = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "102": "Data type error",
    "103": "Table value not found",
    "200": "Unsupported message type",
    "201": "Unsupported event code",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "204": "Unknown key identifier",
    "205": "Duplicate key identifier",
    "206": "Application record locked",
    "207": "Application internal error",
}
"""HL7 table 0357, message error condition codes."""


class Hl7Error(MessageError):
    """A message can't be taken. `field` names the place as HL7 does ("PID-3"), `condition` is a code of table 0357.

    `rejected`: the header or the type is wrong (AR); else the data is (AE).
    """

    def __init__(self, message: str, *, condition: str, field: str = "", remedy: str = "", rejected: bool = False) -> None:
        super().__init__(message, field=field, remedy=remedy)
        self.condition = condition
        self.rejected = rejected
