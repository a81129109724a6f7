"""One service as a process: gRPC with health, parts in order, SIGTERM drains, what fails for good ends it."""

from __future__ import annotations

import functools
import importlib
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from opentelemetry.sdk.trace import SpanProcessor

from wince.errors import ConfigError, WinceError
from wince.local.stopping import Stopped, stoppable
from wince.parts import Watched, cause, first_failed, name_of
from wince.rpc import oidc_config
from wince.rpc.auth import SignIn
from wince.rpc.ports import PORTS
from wince.rpc.server import ServerThread
from wince.serve import about, expiry, metrics_page, probes
from wince.serve.probes import Probes
from wince.serve.service import Deps, Repeated, Service, kafka
from wince.serve.state_dir import Places
from wince.settings import Settings
from wince.telemetry import logs, metrics, process_metrics, traces
from wince.telemetry.key import hash_key

log = logs.get(__name__)

SERVICES = ("hospital", "care", "record", "grade", "estimate", "detect", "capture")
"""In the order in which they are started on one machine: a receiver comes before its sender."""
WHERE_SET = ("imaging",)
"""Services that run where a site sets them up, not by themselves."""
LOOK_S = 0.5
CREDENTIALS_S = 300.0
"""How often it is looked when certificates and keys end."""
TURN_S = 5.0
"""How long the gRPC server may take to do anything, before its loop counts as one that doesn't turn."""


def wanted(settings: Settings) -> tuple[str, ...]:
    """The services of an installation: all, and those that the settings set up."""
    return (*SERVICES, *(WHERE_SET if settings.takes_dicom else ()))


def build(name: str, deps: Deps) -> Service:
    """A service by its name, with what every server says of itself; only its own modules are imported. Raises ConfigError for one that
    there is not."""
    if name not in (*SERVICES, *WHERE_SET):
        raise ConfigError("there is no such service", field=name, remedy=f"one of: {', '.join((*SERVICES, *WHERE_SET))}")
    made: Service = importlib.import_module(f"wince.serve.{name}").build(deps)
    servicer = about.ServerServicer(deps.settings, lambda: deps.protocols, [one.name for one in made.registrations])
    return replace(made, registrations=[*made.registrations, about.registration(servicer)])


class Running:
    """A built service between start and stop. Not thread-safe."""

    def __init__(self, service: Service, settings: Settings, watched: Sequence[Watched] = (), probes: Probes | None = None) -> None:
        """`watched`: what else must not fail; asked for its members at each `failed`. `probes`: where health is told, too."""
        self._service, self._watched, self._probes = service, watched, probes
        self._server = ServerThread(
            service.registrations, settings.rpc, find=service.find, sign_in=sign_in(settings), observe=metrics.called, is_ready=False
        )
        self._begun = 0
        self._told = False

    @property
    def port(self) -> int:
        """Where its gRPC services and its health are."""
        return self._server.port

    def start(self) -> None:
        """Listen, start the parts, say ready. Raises what keeps it from that; what was started is stopped then."""
        self._server.start()
        self._tell(False)
        try:
            for part in self._service.parts:
                part.start()
                self._begun += 1
        except BaseException:
            self.stop()
            raise
        self._tell(True)

    def _tell(self, is_ready: bool) -> None:
        for name in self._server.names:
            self._server.ready(name, is_ready)
        if self._probes is not None:
            self._probes.ready(self._server.names, is_ready)
        process_metrics.ready(is_ready)

    def turns(self) -> bool:
        """Whether its gRPC server does anything."""
        return self._server.turns(TURN_S)

    def failed(self) -> WinceError | None:
        """What must end the process; None where there is nothing. By then health says NOT_SERVING and the log has named the part."""
        found = first_failed((*self._service.parts[: self._begun], self._server, *self._watched))
        if found is None:
            return None
        name, error = found
        if not self._told:
            self._told = True
            log.error("a part failed; the process ends", stage=self._service.name, task=name, error=error)
            self._server.unready()
            if self._probes is not None:
                self._probes.ready(self._server.names, False)
                self._probes.died()
            process_metrics.ready(False)
        return cause(name, error)

    def stop(self) -> None:
        """No new calls, calls in flight finish; then the parts, last first, whatever one of them raises. Idempotent. Raises the first
        such error, unless `failed` has already said why the process ends."""
        if self._probes is not None:
            self._probes.ready(self._server.names, False)
        process_metrics.ready(False)
        self._server.stop()
        first: Exception | None = None
        while self._begun:
            self._begun -= 1
            part = self._service.parts[self._begun]
            try:
                part.stop()
            except Exception as error:
                log.error("a part did not stop cleanly", stage=self._service.name, task=name_of(part), error=error)
                first = first or error
        if first is not None and not self._told:
            raise first


def serve(name: str, settings: Settings, *, supervised: bool = False) -> None:
    """Run a service until SIGTERM or SIGINT, then drain. `supervised`: also when standard input ends (its starter is gone).

    Raises what ended the service for good.
    """
    # A service manager and a closed terminal wait for the drain, however long it takes; a person does not.
    with stoppable(patient=(signal.SIGTERM, signal.SIGHUP)), suppress(Stopped):
        _serve(name, settings, supervised)


def _serve(name: str, settings: Settings, supervised: bool) -> None:
    stopping = threading.Event()
    if supervised:
        threading.Thread(target=_until_gone, args=(stopping,), name="supervisor", daemon=True).start()
    places = Places.of(settings)
    places.make()
    key = hash_key(places.logs_key, make=settings.logs_key_file is None)
    logs.configure(settings.log_level, json=settings.log_json, key=key)
    if settings.rpc.port == 0 and name in PORTS:
        settings = settings.model_copy(update={"rpc": settings.rpc.model_copy(update={"port": PORTS[name]})})
    with ExitStack() as stack:
        if settings.traces != "off":
            traces.TRACES.start(name, _spans(settings))
            stack.callback(traces.TRACES.stop)  # last: what ends in the drain has spans, too
        deps = Deps(settings, stack, functools.partial(kafka, service=name), service=name)
        asked = answering(name, settings, stack, deps.watched)  # before anything that waits for others
        running = Running(build(name, deps), settings, deps.watched, asked)
        stack.callback(running.stop)
        running.start()
        log.warning("serves", stage=name, port=running.port)
        with suppress(Stopped):
            while not stopping.wait(LOOK_S):
                if (error := running.failed()) is not None:
                    raise error
                if asked is not None and running.turns():
                    asked.beat()
        if asked is not None:
            asked.rest()
        log.warning("drains", stage=name)


def answering(name: str, settings: Settings, stack: ExitStack, watched: list[Watched]) -> Probes | None:
    """Begin to answer probes and Prometheus, until the process ends; what answers probes."""
    process_metrics.build(name)
    page, asked = metrics_page.page(settings), probes.probes(settings)
    if page is not None:
        stack.callback(page.stop)
        watched.append(page)
        expiry.tell(settings, name)
        looks = Repeated("credentials", CREDENTIALS_S, functools.partial(expiry.tell, settings, name))
        looks.start()
        stack.callback(looks.stop)
        watched.append(looks)
        log.warning("answers Prometheus", stage=name, port=page.port)
    if asked is not None:
        stack.callback(asked.stop)
        asked.start()
        watched.append(asked)
        log.warning("answers probes", stage=name, port=asked.port)
    return asked


def sign_in(settings: Settings) -> SignIn | None:
    """The site's own sign-in; None where none is set. Raises ConfigError."""
    if not settings.oidc.issuer:
        oidc_config.check(settings.oidc)
        return None
    from wince.rpc.oidc import Oidc  # its libraries are paid for only where it is set

    return Oidc(settings.oidc)


def _spans(settings: Settings) -> SpanProcessor:
    if settings.traces == "console":
        return traces.console()
    from wince.telemetry.otlp import collector

    return collector(**{name: getattr(settings.otlp, name) for name in type(settings.otlp).model_fields})


def _until_gone(stopping: threading.Event) -> None:
    """Our starter holds the other end of standard input for as long as it lives."""
    try:
        while os.read(0, 1024):  # not by sys.stdin, whose lock a thread that waits would hold at the interpreter's end
            pass
    finally:
        stopping.set()  # where standard input can't be read we would never hear of it
