"""What the runners of folds share: a subscription, and telling what can be tried again from what ends the process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.bus.interface import Bus, Record, Subscription
from wince.errors import PeerError, ResourceError, StoreError


class Consumer:
    """Hands batches to `handle`. What may pass (a peer, the database, the disk) is tried again by the bus; anything else is
    tried again too, so that nothing is lost, but `failed` tells it, and the process ends."""

    def __init__(self, bus: Bus, topics: Sequence[str], group: str, handle: Callable[[Sequence[Record]], None]) -> None:
        self._bus, self._topics, self._group, self._handle = bus, tuple(topics), group, handle
        self._subscription: Subscription | None = None
        self._fatal: BaseException | None = None

    def start(self) -> None:
        """Begin to consume."""
        self._subscription = self._bus.consume(self._topics, self._group, self._guarded)

    def stop(self) -> None:
        """Finish the batch in hand."""
        if self._subscription is not None:
            self._subscription.stop()

    def failed(self) -> BaseException | None:
        """What must end the process; None where there is nothing."""
        return self._fatal or (self._subscription.failed() if self._subscription is not None else None)

    def _guarded(self, records: Sequence[Record]) -> None:
        try:
            self._handle(records)
        except (PeerError, StoreError, ResourceError):
            raise
        except Exception as error:
            self._fatal = error
            raise
