"""What `wince status --watch` looks with: the database is opened once, and again after it was away; services are looked up each time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType

from wince.errors import ConfigError, WinceError
from wince.serve import whereabouts
from wince.serve.reading import reading
from wince.serve.state_dir import Places, owned
from wince.serve.status.collect import SUBJECTS, Status, collect
from wince.serve.status.interface import Look, Subject
from wince.settings import Settings
from wince.store.database import Database

WAIT_S = 3.0


class Watch:
    """`with Watch(settings) as watch: watch.status()`, as often as wanted. Not thread-safe."""

    def __init__(self, settings: Settings, services: Mapping[str, Sequence[str]] | None = None, *, identifiers: bool = False) -> None:
        """services: HOST:PORT of services that no `wince up` on the state directory started. identifiers: patients are named."""
        self._settings, self._services, self._identifiers = settings, dict(services or {}), identifiers
        self._places = Places.of(settings)
        self._stack = ExitStack()
        self._database: Database | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def status(self, subjects: Mapping[str, Subject] = SUBJECTS) -> Status:
        """One look at everything. Raises ConfigError where there is no installation to look at."""
        trouble = self._reach()
        up = whereabouts.read(self._places)
        services = {service.name: [service.address] for service in up.services} if up is not None else {}
        look = Look(
            self._settings,
            self._places,
            time.time_ns() // 1000,
            self._database,
            trouble,
            services | self._services,
            up,
            owned(self._places),
            self._identifiers,
        )
        return collect(look, subjects)

    def _reach(self) -> WinceError | None:
        """Have the database; why not."""
        try:
            if self._database is not None:
                with self._database.transaction() as tx:
                    tx.execute("SELECT 1")
                return None
        except WinceError:  # its server went, and may have come back elsewhere
            self._database = None
            self._stack.close()
        try:
            self._database = self._stack.enter_context(reading(self._settings, wait_s=WAIT_S))
        except ConfigError:
            raise
        except WinceError as error:
            return error
        return None
