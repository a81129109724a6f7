"""The HL7 receiver: its certificate, and whether it takes a connection. No message is sent."""

from __future__ import annotations

from collections.abc import Iterator

from wince import certificates
from wince.errors import Unavailable
from wince.serve import oru
from wince.serve.checks.finding import Finding, missing, ok
from wince.settings import Settings

TIMEOUT_S = 8.0
"""Longest time of a connection, seconds."""


def check(settings: Settings) -> Iterator[Finding]:
    """The receiver that is set; nothing where none is."""
    if not settings.oru_address:
        return
    reached = oru.channel(settings, timeout_s=TIMEOUT_S)
    try:
        reached.look()
    except Unavailable as error:
        why, remedy = certificates.explained(error, "oru_ca_file") or (error.message, "is the receiver there (oru_address, oru_tls)?")
        yield missing("oru", f"{settings.oru_address}: {why}", remedy)
        return
    yield ok("oru", f"{settings.oru_address}, {'TLS' if settings.oru_tls else 'no TLS'}, write profile {oru.chosen(settings).name}")
