"""What was erased on purpose, as the chain says it: whatever is missing for another reason was taken away."""

from __future__ import annotations

import json
from collections import Counter
from uuid import UUID

from wince.domain.audit import AuditRow
from wince.store.covered.fault import broken, count
from wince.store.database import Tx

ERASED = "erased"
"""Event: one person was erased. `erasing`: a batch of what is older than a limit."""


class Erasures:
    """Which rows and payloads may be missing, by the links that a transaction sees."""

    def __init__(self, tx: Tx) -> None:
        self._ids: set[str] = set()
        self._before_us: dict[str, int] = {}
        self._payloads: Counter[UUID] = Counter()
        """How many payloads went, by the erasure."""
        self._undone: dict[str, tuple[int, int]] = {}
        """By the id of a window, alert or question: row of the last link that withdrew it, and the moment after which that withdrew."""
        found = tx.execute(
            "SELECT a.entry, a.event, p.payload FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)"
            " WHERE a.event IN ('erasing', 'erased') ORDER BY a.seq"
        ).fetchall()
        for erasure, event, payload in found:
            said = json.loads(payload)
            if event == ERASED:
                self._ids.update(said.get("gone", ()))
                self._payloads[erasure] += said["erased"]["payloads"]
            elif said["what"] == "audit":
                self._payloads[erasure] += said["rows"]
            else:
                self._before_us[said["what"]] = max(self._before_us.get(said["what"], 0), said["before_us"])

        for seq, payload in tx.execute(
            "SELECT a.seq, p.payload FROM audit a JOIN audit_payload p ON p.place = coalesce(a.payload, a.seq)"
            " WHERE a.event = 'undone' ORDER BY a.seq"
        ).fetchall():
            said = json.loads(payload)
            self._undone.update(dict.fromkeys(said["messages"], (seq, said["from_us"])))

    def withdrew(self, link: AuditRow) -> bool:
        """Whether a later link withdrew the window or alert that this one brought (event `undone`): what stands under its id came again."""
        return self._undone.get(str(link.entry), (0, 0))[0] > link.seq

    def withdrawn_after_us(self, link: AuditRow) -> int | None:
        """The moment after which windows were withdrawn, with the one that this link brought; None: it was not."""
        return self._undone[str(link.entry)][1] if self.withdrew(link) else None

    def explains(self, what: str, identity: str, end_us: int | None) -> bool:
        """Whether a row may be missing. `what`: "assessments" or "movements", the limit that it goes by. `end_us`: of the time that it is
        about; None: not known."""
        if identity in self._ids:
            return True
        before_us = self._before_us.get(what, 0)
        return before_us > 0 and (end_us is None or end_us < before_us)

    def payloads(self, tx: Tx, told: int) -> None:
        """Hold the payloads against the chain, of whose rows `told` have one, and those that are missing against what erasures said.

        Raises IntegrityError."""
        none_lost(tx)
        if (stand := count(tx, "audit_payload")) != told:
            raise broken("audit_payload", "table", f"{stand} payloads stand, {told} belong to rows of the chain")
        for erasure, number in tx.execute("SELECT erasure, count(*) FROM audit_erased GROUP BY erasure").fetchall():
            if number != self._payloads[erasure]:
                raise broken("erasure", erasure, f"{number} payloads are missing in its name; the chain says {self._payloads[erasure]}")


def none_lost(tx: Tx, after: int = 0) -> None:
    """Raises IntegrityError where the payload of a row above `after` is missing and no erasure lists it."""
    lost = tx.execute(
        "SELECT a.seq FROM audit a WHERE a.seq > %s AND NOT EXISTS (SELECT FROM audit_payload p WHERE p.place = coalesce(a.payload, a.seq))"
        " AND NOT EXISTS (SELECT FROM audit_erased e WHERE e.place = coalesce(a.payload, a.seq)) ORDER BY a.seq LIMIT 1",
        (after,),
    ).fetchone()
    if lost is not None:
        raise broken("audit payload of row", str(lost[0]), "is missing, and no erasure says so")
