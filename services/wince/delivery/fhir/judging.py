"""What an answer other than a usable success means for a create, an update or a read."""

from __future__ import annotations

from wince.delivery.interface import Answer, Outcome
from wince.fhir.answer import Answer as Response
from wince.fhir.scopes import WRITER_SCOPE

REMEDIES = {
    401: "the server takes no token of ours: let it trust the token endpoint that its SMART discovery names; with ehr_auth none, use smart",
    403: f"allow our client at the EHR what it asks for: {WRITER_SCOPE}",
}
"""What a person can do about a hold."""
IGNORED = (
    "a search by identifier gave what does not carry it: have the EHR honour the parameter, or name the system under which it keeps this"
    " authority's numbers"
)
"""A server that finds others than those asked for can't be written to: every entry would go to its first patient."""
UNUSABLE_S = 10.0
"""Before a request whose success could not be used, and left nothing that is found: an index may need a moment."""
_INNER = (500, 501, 505)
"""Errors of the server's own, not of what stands before it: the same request may never be digested."""
_PASSING = (404, 405, 423)
"""Refusals that come and go with a deployment, a lock or a gateway in front of the server."""


class Stop(Exception):
    """Ends a delivery with an answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.detail)
        self.answer = answer


def judged(answer: Response) -> Answer:
    """The outcome of an answer. DEAD with `may_pass` where the no is not certainly the FHIR server's own, RETRY with it
    where nothing can be made of the answer."""
    status, detail = answer.status, answer.summary()
    if status == 401 or (status == 403 and not answer.is_page):
        return Answer(Outcome.HELD, detail, remedy=REMEDIES[status])
    if 300 <= status < 400:
        return Answer(Outcome.DEAD, f"{detail}: it sends us to another address", may_pass=True)
    if 400 <= status < 500 and status not in (408, 409, 425, 429):
        page = answer.is_page
        return Answer(Outcome.DEAD, f"{detail}, a page that is no FHIR" if page else detail, may_pass=page or status in _PASSING)
    if 200 <= status < 300:
        return Answer(Outcome.RETRY, f"{detail} that can't be used", retry_after_s=UNUSABLE_S, may_pass=True)
    return Answer(Outcome.RETRY, detail, retry_after_s=answer.retry_after_s, may_pass=status in _INNER)


def odd(what: str) -> Answer:
    """An answer of which nothing can be made. `what`: our own words, never the server's."""
    return Answer(Outcome.RETRY, what, may_pass=True)


def took(answer: Response, kind: str) -> bool:
    """Whether an answer to a PUT or POST says that the server has it: 200 or 201, and nothing in the body speaks against that."""
    return answer.status in (200, 201) and not answer.is_page and not answer.complains and answer.kind in ("", kind, "OperationOutcome")
