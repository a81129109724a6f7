"""A known id that comes with another content: which of it is an alarm, and what the audit trail says. The first content always stands.

Not an alarm, but `known-later`, is a window that grade's next owner found again knowing more of stays, pauses or patient states than its
predecessor did (`Assessment.basis`): the predecessor's windows were sent, and its snapshot after them was not stored yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from wince.domain.assessment import Assessment
from wince.pipeline.record.rows import assessment_of
from wince.pipeline.record.stage import Message
from wince.store import undoing
from wince.store.audit import Fact
from wince.store.database import Tx
from wince.store.plain import dump

ALARM, LATER = "alarm", "known-later"


@dataclass(frozen=True, slots=True)
class Said:
    """What is new about it."""

    alarms: tuple[UUID, ...] = ()
    facts: tuple[Fact, ...] = ()
    """For the audit trail, alarms and others; nothing that it says already."""


def said(tx: Tx, messages: Sequence[Message], others: Mapping[UUID, bytes]) -> Said:
    """`others`: ids of these messages that are known with another content, and the hash of what came now. Under the audit lock, so that two
    replicas don't both say it."""
    if not others:
        return Said()
    explained = _known_more(tx, messages, others)
    wanted = [(one, LATER if one in explained else ALARM) for one in others]
    rows = tx.execute("SELECT entry, event FROM audit WHERE event = ANY(%s) AND entry = ANY(%s)", ([ALARM, LATER], list(others))).fetchall()
    new = [pair for pair in wanted if pair not in set(rows)]
    facts = tuple(Fact(one, 1, event, 1, dump({"content": others[one].hex()})) for one, event in new)
    return Said(tuple(one for one, event in new if event == ALARM), facts)


def _known_more(tx: Tx, messages: Sequence[Message], others: Mapping[UUID, bytes]) -> set[UUID]:
    """Those whose window was found with different knowledge, alerts and questions of such a window too."""
    about = {item.id: item.id if isinstance(item, Assessment) else item.assessment for item in messages if item.id in others}
    stand = tx.execute("SELECT body FROM assessment WHERE id = ANY(%s)", (sorted(set(about.values())),)).fetchall()
    bases: dict[UUID, set[str]] = {}
    for one in (*(assessment_of(body) for (body,) in stand), *(item for item in messages if isinstance(item, Assessment))):
        bases.setdefault(one.id, set()).add(one.basis)
    again = undoing.times(tx, set(about.values()))  # an answered question stands, though its window came once more
    return {identity for identity, window in about.items() if len(bases.get(window, ())) > 1 or (identity != window and window in again)}
