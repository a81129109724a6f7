"""What every service is made of: parts that start in order and stop in reverse, and the gRPC services that it answers."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from wince.backoff import Backoff
from wince.bus.interface import Bus
from wince.bus.topics import ALL, topics_of
from wince.domain.ids import site_namespace
from wince.domain.reach import Find
from wince.errors import ConfigError
from wince.parts import PASSING, Part, Watched, WatchedThread
from wince.rpc.server import Registration
from wince.serve import broker, setup
from wince.serve.protocols import ProtocolSet, protocol_set
from wince.serve.replay import moment
from wince.serve.waiting import waited
from wince.settings import Camera, Settings, load
from wince.store.database import Database
from wince.store.migrate import SchemaBehind, migrate, require
from wince.telemetry import logs
from wince.telemetry.windows import Windows

log = logs.get(__name__)

SCHEMA_WAIT_S = 300.0
"""How long, at least, one waits for a schema that somebody else brings up to date (schema_at_start = "expect")."""


@dataclass(frozen=True)
class Service:
    """One service as it runs in a process."""

    name: str
    parts: Sequence[Part] = ()
    """In order of start."""
    registrations: Sequence[Registration] = ()
    find: Find | None = None
    """Where cameras, beds and patients are, for callers that are bound to some. None: only cameras' names count."""


def kafka(settings: Settings, service: str = "") -> Bus:
    """The bus that services share, as `service` may use it. Raises ConfigError where none is set, Unavailable where nobody lets us in,
    Refused where its user or rights are not enough."""
    if not settings.kafka_bootstrap:
        remedy = "name Kafka's brokers, or start everything with `wince up`"
        raise ConfigError("no Kafka is set", field="WINCE_KAFKA_BOOTSTRAP", remedy=remedy)
    from wince.bus.kafka import KafkaBus  # the client takes half a second to import

    return KafkaBus(broker.options(settings), service)


@dataclass
class Deps:
    """What services share, made when it is first asked for, released by `stack` in reverse."""

    settings: Settings
    stack: ExitStack
    connect: Callable[[Settings], Bus] = kafka
    """Makes the bus."""
    watched: list[Watched] = field(default_factory=list)
    """What was made here and runs on threads of its own; the process asks whether it failed."""
    service: str = ""
    """Whose they are: only topics of this service are asked for; "": all."""
    _bus: Bus | None = field(default=None, init=False)
    _database: Database | None = field(default=None, init=False)

    @functools.cached_property
    def protocols(self) -> ProtocolSet:
        """The protocols that are set. Raises ProtocolError, ConfigError."""
        return protocol_set(self.settings)

    def windows(self, stage: str) -> Windows:
        """Spans of a stage's windows, ended with the process."""
        lengths = {name: one.window_us for name, one in self.protocols.every.items()}
        made = Windows(stage, site_namespace(self.settings.site), lengths)
        self.stack.callback(made.stop)
        return made

    @property
    def bus(self) -> Bus:
        """The bus, with its topics; a Kafka that is being started is waited for. Raises as `kafka`."""
        if self._bus is None:
            wait_s = self.settings.start_wait_s
            bus = self._bus = waited("kafka", lambda: self.connect(self.settings), wait_s)
            self.stack.callback(bus.close)
            self.watched.append(bus)
            wanted = [name for name in ALL if name in topics_of(self.service)] if self.service else ALL
            waited("kafka", lambda: bus.ensure_topics(wanted), wait_s)
        return self._bus

    @property
    def database(self) -> Database:
        """The installation's database, with a schema that this version can work with; one that is being started again is waited for.
        Raises ConfigError where none is set, Unavailable where it stays away, SchemaBehind where its schema stays too old."""
        if self._database is None:
            wait_s = self.settings.start_wait_s
            self._database = self.stack.enter_context(waited("database", lambda: _opened(self.settings), wait_s))
        return self._database

    def cameras(self) -> tuple[Camera, ...] | None:
        """The camera list as it is now: of the file that WINCE_CONFIG names, read again, else of the settings; None where none of them
        names cameras at all."""
        said = load() if os.environ.get("WINCE_CONFIG") else self.settings
        return said.cameras if "cameras" in said.model_fields_set else None

    @property
    def replay_us(self) -> int | None:
        """Where clips are replayed: the moment at which they begin, microseconds UTC."""
        return None if self.settings.replay_at is None else moment(self.settings.replay_at)


def _opened(settings: Settings) -> Database:
    database = Database(setup.dsn(settings))
    try:
        if settings.schema_at_start == "migrate":
            migrate(database)
        else:
            wait_s = max(settings.start_wait_s, SCHEMA_WAIT_S)
            waited("schema, for `wince migrate`", lambda: require(database), wait_s, SchemaBehind)
    except BaseException:
        database.close()
        raise
    return database


class Repeated:
    """A part that does something again and again on a thread of its own. What may pass (`parts.PASSING`) is logged and tried again, with
    backoff; anything else is its failure."""

    def __init__(self, name: str, every_s: float, what: Callable[[], object]) -> None:
        self.name, self._what = name, what
        self._again = Backoff(every_s, max(every_s, 30.0))
        self._stopped = threading.Event()
        self._thread = WatchedThread(name, self._run, self._stopped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def failed(self) -> BaseException | None:
        """What ended it for good."""
        return self._thread.failed()

    def _run(self) -> None:
        failures = 0
        while not self._stopped.wait(self._again.wait_s(failures + 1)):
            try:
                self._what()
                failures = 0
            except PASSING as error:
                failures += 1
                log.warning("failed; trying again", task=self.name, attempts=failures, error=error)
