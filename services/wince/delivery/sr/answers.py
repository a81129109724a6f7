"""What an archive's answer comes to: the only table of DICOM statuses (PS3.4 table B.2-1, PS3.7 annex C). The reference page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from wince.delivery.interface import Answer, Outcome
from wince.dicom.scu.client import Sent

NOT_COMMITTED = "stored, not committed yet: the archive is asked again every minute"
"""What stands beside a report that an archive stored, as long as it does not answer for it."""

NEVER_COMMITTED = "stored again and again, and the archive never commits to it: see its own log, then `wince outbox replay`"
"""What stands beside a report that an archive stores each time and says each time that it has not."""


@dataclass(frozen=True, slots=True)
class Row:
    """A range of statuses."""

    first: int
    last: int
    meaning: str
    outcome: Outcome
    may_pass: bool = False
    """See `Answer`."""
    remedy: str = ""
    """What a person does about it."""


STATUSES = (
    Row(0x0000, 0x0000, "Success", Outcome.WRITTEN),
    Row(0x0001, 0x0001, "Requested optional attributes are not supported", Outcome.WRITTEN),
    Row(0x0107, 0x0107, "Attribute list error: stored without some attributes", Outcome.WRITTEN),
    Row(0x0110, 0x0110, "Processing failure", Outcome.RETRY, may_pass=True),
    Row(0x0111, 0x0111, "Duplicate SOP Instance: it is there", Outcome.WRITTEN),
    Row(0x0116, 0x0116, "Attribute value out of range: stored all the same", Outcome.WRITTEN),
    Row(0x0122, 0x0122, "SOP class not supported", Outcome.HELD, remedy="have the archive take Comprehensive 3D SR from us"),
    Row(0x0124, 0x0124, "Not authorized", Outcome.HELD, remedy="have the archive let our AE title store"),
    Row(0x0105, 0x0121, "The object or the request is refused", Outcome.DEAD, remedy="see the archive's own log"),
    Row(0x0210, 0x0212, "The exchange went wrong (duplicate invocation, unrecognized operation, mistyped argument)", Outcome.RETRY, True),
    Row(0x0213, 0x0213, "Resource limitation", Outcome.RETRY),
    Row(0xA700, 0xA7FF, "Out of resources", Outcome.RETRY),
    Row(0xA900, 0xA9FF, "The object does not match its SOP class", Outcome.DEAD, remedy="see the archive's own log"),
    Row(0xB000, 0xBFFF, "Stored with a warning (coercion, elements discarded)", Outcome.WRITTEN),
    Row(0xC000, 0xCFFF, "The object can't be understood", Outcome.DEAD, remedy="see the archive's own log"),
    Row(0xFE00, 0xFE00, "Cancelled", Outcome.RETRY),
)
"""The first row that holds a status counts; a status of none is tried again for a while, as an odd answer."""

HTTP = {
    401: "give Wince the archive's token or password: archive_token_file or archive_login_file",
    403: "have the archive let this user store",
}
"""STOW-RS: refusals of Wince as a whole, with what a person does about them."""
_PASSING = (404, 405, 413, 423)
_LATER = (408, 425, 429, 502, 503, 504)


def of_status(status: int) -> Answer:
    """What a DICOM status of one object comes to.

    >>> of_status(0xA700).outcome.value, of_status(0xB006).outcome.value, of_status(0xC123).outcome.value
    ('retry', 'written', 'dead')
    """
    row = next((row for row in STATUSES if row.first <= status <= row.last), None)
    if row is None:
        return Answer(Outcome.RETRY, f"{status:04X}", may_pass=True)
    return Answer(row.outcome, f"{status:04X} {row.meaning}", remedy=row.remedy, may_pass=row.may_pass)


def of_http(status: int, retry_after_s: float | None) -> Answer:
    """What an answer of STOW-RS comes to that says nothing of objects."""
    if status in HTTP:
        return Answer(Outcome.HELD, str(status), remedy=HTTP[status])
    if status in _LATER or status >= 500:
        return Answer(Outcome.RETRY, str(status), retry_after_s=retry_after_s, may_pass=status not in _LATER)
    if 200 <= status < 300:
        return Answer(Outcome.RETRY, f"{status} that can't be used", may_pass=True)
    return Answer(Outcome.DEAD, str(status), may_pass=status in _PASSING or 300 <= status < 400)


def judged(sent: Sent, sops: tuple[str, ...], *, committed: bool) -> Answer:
    """What a delivery comes to. `sops`: of the objects, the report first. `committed`: the archive was asked to commit to them.

    The report decides. What stands beside it (key objects, a rejection note) and is refused for good is said, and the report stands.
    """
    if not sent.statuses:
        return of_http(sent.http, sent.retry_after_s)
    found = [of_status(status) for status in sent.statuses]
    first = found[0]
    if first.outcome is not Outcome.WRITTEN:
        return _asked(first, sent.retry_after_s)
    left = []
    for answer in found[1:]:
        if answer.outcome is Outcome.RETRY:
            return _asked(answer, sent.retry_after_s)
        if answer.outcome is not Outcome.WRITTEN:
            left.append(f"key objects refused: {answer.detail}")
    if committed and not left:
        if sent.commitment is None:
            left.append(NOT_COMMITTED)
        elif refused := [sent.commitment.failed[sop] for sop in sops if sop in sent.commitment.failed]:
            return Answer(Outcome.RETRY, f"the archive does not commit to it: {refused[0]:04X}", may_pass=True)
        elif not set(sops) <= sent.commitment.kept:
            left.append(NOT_COMMITTED)
    return Answer(Outcome.WRITTEN, first.detail, sops[0], left="; ".join(left))


def probed(sent: Sent) -> Answer:
    """What a harmless request comes to: of HTTP, any answer of the server's own says that it takes us."""
    if sent.statuses:
        return of_status(sent.statuses[0])
    if sent.http in HTTP:
        return Answer(Outcome.HELD, str(sent.http), remedy=HTTP[sent.http])
    return Answer(Outcome.RETRY if sent.http >= 500 or sent.http in _LATER else Outcome.WRITTEN, str(sent.http))


def _asked(answer: Answer, retry_after_s: float | None) -> Answer:
    return Answer(answer.outcome, answer.detail, retry_after_s=retry_after_s, remedy=answer.remedy, may_pass=answer.may_pass)
