"""The image archive: whether it answers, knows us, and takes what Wince sends. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from wince.delivery.interface import Outcome
from wince.delivery.sr.answers import probed
from wince.errors import Refused
from wince.serve import archive
from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings

TIMEOUT_S = 8.0
"""Longest time of one exchange, seconds."""


def check(settings: Settings) -> Iterator[Finding]:
    """The archive that is set; nothing where none is."""
    if settings.archive_url is None:
        return
    with ExitStack() as stack:
        reached = archive.archive(settings, stack, timeout_s=TIMEOUT_S)
        answer = probed(reached.echo())
        if answer.outcome is not Outcome.WRITTEN:
            raise Refused(f"a harmless request was answered {answer.detail}", field=settings.archive_url, remedy=answer.remedy)
        how = "C-ECHO" if settings.archive_url.startswith("dicom") else "a search"
        yield ok("archive", f"{settings.archive_url}, answers {how}")
        key_objects = settings.archive_key_objects or settings.archive_rejects
        if lacking := reached.lacks(key_objects=key_objects, commitment=settings.archive_commitment):
            yield missing("archive services", f"does not accept {', '.join(lacking)}", "have the archive offer it to archive_calling_ae")
        else:
            yield ok("archive services", "takes what Wince sends")
