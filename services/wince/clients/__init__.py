"""Wince from Python: typed clients of its services, for integrators, and for our own command line, capture and console.

    from wince.clients import connect

    with connect("wince.example", ca="ca.pem", token="...") as wince:
        for bed in wince.hospital.stays(ward="ICU"):
            print(bed.bed, bed.encounter.value)

Dataclasses of `wince.domain` go in and come out; failures are those of `wince.errors` (NotFound, Forbidden and others here are kinds of
them). Lists ask for page after page by themselves. A call waits `deadline_s` at most, and is tried again while its server is away: ids are
the caller's, so the same call twice has one effect. `watch` goes on by itself behind what it told.
docs/how-to/client.md shows the whole path.
"""

from wince.clients.connection import SERVICES, Wince, connect
from wince.rpc.errors import AlreadyExists, Forbidden, NotFound, OutOfRange, TimedOut, TooLarge, Unauthenticated

__all__ = [
    "SERVICES",
    "AlreadyExists",
    "Forbidden",
    "NotFound",
    "OutOfRange",
    "TimedOut",
    "TooLarge",
    "Unauthenticated",
    "Wince",
    "connect",
]
