"""What each kind of row gives to the comparison with the chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wince.domain.audit import AuditRow
from wince.store.covered.erasures import Erasures
from wince.store.database import Tx


class Kind(Protocol):
    """One kind of row. Links of the chain come in order, already proven."""

    name: str
    """Such as "entries", for a person."""
    compared: int
    """Rows that are what the chain says."""
    unproven: int
    """Rows of which the chain of an earlier release says too little, or whose payload was erased."""

    def compare(self, tx: Tx, links: Sequence[AuditRow], erasures: Erasures) -> None:
        """Hold the rows that these links speak of against them. Raises IntegrityError naming the first that differs."""
        ...

    def counted(self, tx: Tx) -> list[tuple[str, int, int]]:
        """(table, rows that links spoke of and that stand, rows that stand) after the last link: they must be equal."""
        ...
