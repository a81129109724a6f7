"""Which alerts somebody has seen: the table acknowledged."""

from __future__ import annotations

import json
from collections.abc import Sequence

from wince.domain.audit import AuditRow
from wince.store import acknowledged
from wince.store.covered.erasures import Erasures
from wince.store.covered.fault import broken, count
from wince.store.database import Tx
from wince.store.plain import dump

_TABLE = "acknowledged"


class Acknowledgements:
    """Who said first that an alert was seen, and when."""

    name = "acknowledgements"

    def __init__(self) -> None:
        self.compared = self.unproven = self._stand = 0

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """See Kind.compare."""
        mine = [link for link in links if link.event == acknowledged.EVENT and not erasures.withdrew(link)]
        stand = acknowledged.of(tx, [link.entry for link in mine])
        for link in mine:
            found = stand.get(link.entry)
            told = json.loads(link.payload) if link.payload is not None else None
            if found is None:
                if told and not erasures.explains("assessments", str(link.entry), told["end_us"]):
                    raise broken(_TABLE, link.entry, "is missing")
                continue
            self._stand += 1
            if told is None:
                self.unproven += 1
                continue
            if json.loads(dump(found)) != told["acknowledged"]:
                raise broken(_TABLE, link.entry, "is not what was said")
            self.compared += 1

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """See Kind.counted."""
        return [(_TABLE, self._stand, count(tx, _TABLE))]
