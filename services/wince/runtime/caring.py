"""What nurses decided, from the bus into the record: each verdict once, in the same kind of transaction as everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.bus.interface import Bus, Record
from wince.bus.topics import CARE
from wince.domain.assessment import Verdict
from wince.domain.care import PatientState, Pause
from wince.runtime.consumer import Consumer


class Caring(Consumer):
    """Subscribes to care; hands verdicts to record's sink. Pauses and patient states are grade's affair."""

    topics = (CARE,)
    group = "record-care"

    def __init__(self, bus: Bus, commit: Callable[[Sequence[Verdict]], object]) -> None:
        """`commit`: writes verdicts in one transaction; returning means committed."""
        super().__init__(bus)
        self._commit = commit

    def handle(self, records: Sequence[Record]) -> None:
        """Commit a batch; its offsets are committed when this returns."""
        verdicts = [message for _, message in self.read(records, (Verdict, Pause, PatientState)) if isinstance(message, Verdict)]
        if verdicts:
            self._commit(verdicts)
