"""What came from grade and from nurses: the tables assessment, alert and verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Any
from uuid import UUID

from wince.codec.registry import decode
from wince.domain import proof
from wince.domain.audit import AuditRow
from wince.errors import MessageError
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken, count
from wince.store.database import Tx

_TABLES = {
    "assessment": ("wince.api.grade.v1.Assessment", ("source", "protocol", "start_us", "end_us", "grade", "reason", "shadow")),
    "alert": ("wince.api.grade.v1.Alert", ("assessment", "source", "start_us")),
    "verdict": ("wince.api.care.v1.Verdict", ("question", "assessment", "at_us")),
}
"""By table: the schema of its bodies, and the columns that say again what stands in them."""


class Messages:
    """Windows, alerts and verdicts, as they were encoded."""

    name = "messages"

    def __init__(self) -> None:
        self.compared = self.unproven = 0
        self._stand: Counter[str] = Counter()

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """See Kind.compare."""
        _hold_withdrawn([link for link in links if link.event == "assessment"], erasures)
        for table in _TABLES:
            mine = [link for link in links if link.event == table and not erasures.withdrew(link)]
            if mine:
                self._compare(tx, table, mine, erasures)

    def _compare(self, tx: Tx, table: str, links: Sequence[AuditRow], erasures: Erasures) -> None:
        rows = _rows(tx, table, links)
        for link in links:
            body, *columns = rows.get(link.entry, (None,))
            said = json.loads(link.payload) if link.payload is not None else {}
            self._stand[table] += body is not None
            if body is None:
                if said and not erasures.explains("assessments", str(link.entry), said.get("end_us")):
                    raise broken(table, link.entry, "is missing")
                continue
            if not said.get("body"):
                self.unproven += 1
                continue
            if proof.hexed(body) != said["body"] or columns != _told(table, body):
                raise broken(table, link.entry, "is not what came")
            self.compared += 1

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """See Kind.counted."""
        return [(table, self._stand[table], count(tx, table)) for table in _TABLES]


def _hold_withdrawn(links: Sequence[AuditRow], erasures: Erasures) -> None:
    """A window that was withdrawn as closed ahead ended after the moment that its link names."""
    for link in links:
        after_us = erasures.withdrawn_after_us(link)
        said = json.loads(link.payload) if after_us is not None and link.payload is not None else {}
        if after_us is not None and said.get("end_us", after_us + 1) <= after_us:
            raise broken("assessment", link.entry, "was withdrawn as closed ahead of a moment, and ended before that")


def _rows(tx: Tx, table: str, links: Sequence[AuditRow]) -> dict[UUID, list[Any]]:
    """Body and columns, by id."""
    names = ", ".join(_TABLES[table][1])
    found = tx.execute(f"SELECT id, body, {names} FROM {table} WHERE id = ANY(%s)".encode(), ([link.entry for link in links],)).fetchall()
    return {identity: [bytes(body), *columns] for identity, body, *columns in found}


def _told(table: str, body: bytes) -> list[Any]:
    """The columns that a row has beside its body; empty where that can't be read."""
    schema, names = _TABLES[table]
    try:
        message = decode(schema, body)
    except MessageError:
        return []
    values = [getattr(message, name) for name in names]
    return [value.value if isinstance(value, Enum) else value for value in values]
