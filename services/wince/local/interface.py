"""The contract of a real server that is started on this machine."""

from __future__ import annotations

from abc import abstractmethod

from wince.parts import StartStop


class LocalServer(StartStop):
    """Kafka, PostgreSQL, TorchServe: on loopback only, with its files in a folder of its own.

    What a server wrote outlives it. It ends with the process that started it, also where a signal ends that (`local/stopping.py`).
    """

    @abstractmethod
    def start(self) -> object:
        """Start it and wait until it answers. Raises ResourceError or StoreError naming the cause; nothing of it runs then."""

    @abstractmethod
    def ensure(self) -> bool:
        """Start again, at the address that it had, what has died of it; True where something had. Raises as `start` does."""

    @abstractmethod
    def stop(self) -> None:
        """End it in order. Idempotent."""
