"""The EHR: its certificate, signing in, and whether it takes what Wince writes. Nothing is written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime

from wince.delivery.fhir.profiles import profile
from wince.delivery.fhir.profiles.profile import WriteProfile
from wince.errors import Refused, Unavailable
from wince.fhir.answer import Answer
from wince.fhir.client import Capabilities
from wince.serve import ehr
from wince.serve.checks import clock
from wince.serve.checks.finding import Finding, missing, ok, warning
from wince.settings import Settings

TIMEOUT_S = 8.0
"""Longest time of one request, seconds."""


def check(settings: Settings) -> Iterator[Finding]:
    """The EHR that is set; nothing where none is."""
    if settings.ehr_url is None:
        return
    with ExitStack() as stack:
        client = ehr.client(settings, stack, timeout_s=TIMEOUT_S)
        before = time.time()
        answer = client.request("GET", "metadata")  # signs in first
        after = time.time()
        if answer.status in (401, 403):
            remedy = (
                "are the client's scopes enough?" if settings.ehr_auth == "smart" else "it wants somebody to sign in: set ehr_auth to smart"
            )
            raise Refused(f"/metadata answered {answer.status}", field=settings.ehr_url, remedy=remedy)
        if answer.status != 200:
            remedy = "is this the FHIR base URL?" if answer.status < 500 else "see the EHR's own log; is it starting?"
            raise Unavailable(f"/metadata answered {answer.summary()}", field=settings.ehr_url, remedy=remedy)
        takes = Capabilities.of(answer.resource)
        yield ok("ehr", f"{settings.ehr_url}, {'signed in as ' + settings.ehr_client_id if settings.ehr_auth == 'smart' else 'no sign-in'}")
        yield from _clock(answer, before, after)
        yield from _takes(takes, profile.load(settings.ehr_profile))


def _clock(answer: Answer, before: float, after: float) -> Iterator[Finding]:
    """By the header Date, which says whole seconds."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except (TypeError, ValueError):
        return
    yield clock.finding("the EHR", theirs.timestamp() + 0.5, before, after, 0.5)


def _takes(can: Capabilities, how: WriteProfile) -> Iterator[Finding]:
    lacking = profile.lacks(how, can)
    written = ("Observation", "Task") if how.questions else ("Observation",)
    lacking += [f"{kind}.search-type or conditional create" for kind in written if not _known_again(can, kind)]
    wanted = [*how.beside, *(["CommunicationRequest"] if how.alerts else [])]
    beside = [kind for kind in wanted if not can.can(kind, "create") and not (kind in can.client_ids and can.can(kind, "update"))]
    what = "ehr interactions"
    if lacking:
        yield missing(
            what,
            f"its CapabilityStatement lacks {', '.join(lacking)}, which write profile {how.name} needs",
            "have the EHR let this client do that, or set another ehr_profile",
        )
    elif beside:
        yield warning(
            what, f"takes no {', '.join(beside)}: entries are written without", "have the EHR take them, if the record needs them"
        )
    else:
        yield ok(what, "takes what Wince writes")


def _known_again(can: Capabilities, kind: str) -> bool:
    return kind in can.conditional_create or can.can(kind, "search-type")
