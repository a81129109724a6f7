"""Which acknowledgements a message gets (HL7 v2.5.1 section 2.9.2 original mode, 2.9.3 enhanced mode).

    MSH-15 and MSH-16 both empty      original mode: AA, AE or AR
    else                              MSH-15 asks for a commit acknowledgement (CA, CE, CR), MSH-16 for an application's (AA, AE, AR):
                                      AL always, NE never, ER only where it is refused, SU only where it is taken; empty is NE

Here a message that is taken has been committed and understood: CA and AA may both be said, in this order, on the same connection. A
message that is refused is not kept: then the commit acknowledgement alone is sent (CE, or CR where the header or type is wrong), since a CA
would let the sender forget it; without one, the application's.
"""

from __future__ import annotations

from collections.abc import Callable

from wince.hl7 import ack
from wince.hl7.errors import Hl7Error
from wince.hl7.header import Header

_WANTED = {"AL": (True, True), "NE": (False, False), "ER": (False, True), "SU": (True, False)}
"""Table 0155 -> whether a taken message, a refused one, is acknowledged. Another word is AL."""


def enhanced(header: Header | None) -> bool:
    """Whether the message asks for enhanced mode."""
    return header is not None and bool(header.part(15) or header.part(16))


def told(header: Header | None, *, taken: bool) -> bool:
    """Whether the sender wants to hear what became of the message."""
    return not enhanced(header) or any(wants(header, field, taken) for field in (15, 16))


def answers(header: Header | None, error: Hl7Error | None, number: Callable[[], str], at_us: int) -> list[bytes]:
    """The acknowledgements, in order: none, one or two. `error` None: the message is taken. `number`: gives our own MSH-10."""
    taken = error is None
    application = "AA" if error is None else "AR" if error.rejected else "AE"
    if not enhanced(header):
        return [ack.render(header, application, number(), at_us, error)]
    codes = []
    if wants(header, 15, taken):
        codes.append("C" + application[1])
    if wants(header, 16, taken) and (taken or not codes):
        codes.append(application)
    return [ack.render(header, code, number(), at_us, error) for code in codes]


def wants(header: Header | None, field: int, taken: bool) -> bool:
    """Whether MSH-15 (a commit acknowledgement) or MSH-16 (an application's) asks for one of a message that is taken or not."""
    word = header.part(field).upper() if header is not None else ""
    return _WANTED.get(word or "NE", (True, True))[0 if taken else 1]
