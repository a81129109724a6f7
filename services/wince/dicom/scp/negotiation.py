"""Whether a peer may associate, and which presentation contexts it gets (PS3.8 sections 7.1.1, 9.3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wince.dicom.scp import tables
from wince.dicom.scp.pdu import Request
from wince.dicom.scp.peers import Peer

ACCEPTED, NO_ABSTRACT, NO_SYNTAX = 0, 3, 4
"""Results of a presentation context."""
VERSION_REFUSED, CONTEXT_REFUSED = (1, 2, 2), (1, 1, 2)
CALLED_REFUSED, CALLING_REFUSED = (1, 1, 7), (1, 1, 3)
BUSY = (2, 3, 2)
"""(result, source, reason) of an A-ASSOCIATE-RJ: local limit exceeded; later again."""
HURRIED = (2, 3, 1)
"""Temporary congestion: too many within a minute."""


@dataclass(frozen=True, slots=True)
class Context:
    """A presentation context that was agreed on."""

    abstract: str
    syntax: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an association is about."""

    peer: Peer
    contexts: Mapping[int, Context]
    answers: Mapping[int, tuple[int, str]]
    """(result, transfer syntax) of every context that was proposed."""
    longest: int
    """Longest P-DATA-TF that the peer takes; 0: any."""


def negotiate(asked: Request, title: str, address: str, admit: Callable[[str, str], Peer | None]) -> Agreed | tuple[int, int, int]:
    """What is agreed on, or the (result, source, reason) of the rejection."""
    if not asked.version & 1:
        return VERSION_REFUSED
    if asked.context != tables.APPLICATION_CONTEXT:
        return CONTEXT_REFUSED
    if asked.called != title:
        return CALLED_REFUSED
    peer = admit(asked.calling, address)
    if peer is None:
        return CALLING_REFUSED
    contexts: dict[int, Context] = {}
    answers: dict[int, tuple[int, str]] = {}
    for one in asked.contexts:
        taken = tables.syntaxes(one.abstract)
        chosen = next((syntax for syntax in one.syntaxes if syntax in taken), "")
        if chosen and one.id % 2 and one.id not in contexts:
            contexts[one.id] = Context(one.abstract, chosen)
            answers[one.id] = (ACCEPTED, chosen)
        else:
            answers.setdefault(one.id, (NO_SYNTAX if taken else NO_ABSTRACT, tables.IMPLICIT))
    return Agreed(peer, contexts, answers, asked.longest)
