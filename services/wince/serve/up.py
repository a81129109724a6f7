"""Everything on one machine as supervised processes: database, Kafka, an EHR to write into where none is set, and the services."""

from __future__ import annotations

import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from wince.domain.stay import Identifier
from wince.errors import ConfigError, WinceError
from wince.local import maven
from wince.local.kafka import KafkaPeer
from wince.local.leftovers import end_outlived
from wince.local.ports import QUIET
from wince.local.supervisor import Child, Supervisor
from wince.parts import PASSING, StartStop, WatchedThread, cause, first_failed
from wince.rpc import client
from wince.rpc.ports import PORTS
from wince.serve import broker, imaging, sandbox, scoring, setup, site, whereabouts
from wince.serve.hosted_ensemble import HostedEnsemble, hosted
from wince.serve.process import wanted
from wince.serve.protocols import protocol_set
from wince.serve.state_dir import Owner, Places, secret
from wince.serve.status.interface import Look
from wince.serve.whereabouts import ServiceAt, Whereabouts
from wince.settings import Settings
from wince.store import checkpoints
from wince.telemetry import logs
from wince.testing.ehr import EhrSandbox

log = logs.get(__name__)

LOOK_S = 0.5
DRAIN_ORDER = ("imaging", "capture", "detect", "estimate", "grade")
"""The road of a camera's data: a service drains when the one before it has ended. Services that are not named drain last, together."""
Told = Callable[[str, str], None]
"""Told who, and what of it: a port, started, ready, ended, stopped."""


class Up(StartStop):
    """All of it, from `start` to `stop`. A context manager."""

    def __init__(self, settings: Settings, told: Told = lambda _who, _what: None, *, services: Sequence[str] | None = None) -> None:
        """`services`: which; None: all, and those of WHERE_SET that the settings set up."""
        self._settings, self._told, self._names = settings, told, tuple(wanted(settings) if services is None else services)
        self._stack = ExitStack()
        self._stopping = threading.Event()
        self.kafka: KafkaPeer | None = None
        """The broker that was started here; None where another is set."""
        self.hosted: HostedEnsemble | None = None
        """The TorchServe that was started here; None where there is no ensemble, or another server is set."""
        self.sandbox: EhrSandbox | None = None
        """The EHR that was started here; None where another is set."""
        self.ports: dict[str, int] = {}
        """gRPC of each service, and "mllp"."""
        self.supervisor: Supervisor | None = None
        """Keeps the services running; None until they are started."""
        self._people: set[Identifier] = set()
        self._whose: dict[Identifier, Identifier] = {}
        """Visit -> patient, as the sandbox knows them."""
        self._since_us = time.time_ns() // 1000
        self._reached: dict[str, str] = {}
        self._written: Whereabouts | None = None

    def start(self) -> None:
        """Bring everything up. Raises what keeps it from that, with what to do."""
        settings, enter = self._settings, self._stack.enter_context
        if "hospital" in self._names:
            site.of(settings)  # before anything is started
        if "imaging" in self._names:
            imaging.check(settings)
        self._places = Places.of(settings)
        self._places.make()
        enter(Owner(self._places))
        if end_outlived(self._places.root):
            self._told("all", "what an earlier start left running was ended")
        self._protocols = protocol_set(settings)
        scoring.fetch_models(settings, self._told, *self._protocols.every.values())
        self._opened = enter(setup.database(settings, self._places))
        self.database = self._opened.database
        checkpoints.require(self.database, self._places.checkpoints)
        self._told("database", "ready")
        self._told("database", f"data in {self._opened.place}")
        environment = self._reached = self._environment()
        self._stack.callback(whereabouts.remove, self._places)
        self._keep_going()
        children = [self._child(name, environment) for name in self._names]
        self.supervisor = Supervisor(children, told=self._told)
        enter(self.supervisor)
        self._write_whereabouts()

    def stop(self) -> None:
        """Drain the services, then stop what they stood on. Idempotent."""
        self._stack.close()

    def _keep_going(self) -> None:
        self._keeper = WatchedThread("keeper", self._keep, self._stopping)
        self._keeper.start()
        self._stack.callback(self._keeper.join, 10)
        self._stack.callback(self._stopping.set)

    def services(self) -> list[ServiceAt]:
        """The services as they are; empty before they are started."""
        if self.supervisor is None:
            return []
        return [
            ServiceAt(state.name, f"127.0.0.1:{self.ports[state.name]}", state.pid, state.restarts, state.since_us)
            for state in self.supervisor.states()
        ]

    def look(self) -> Look:
        """What a status looks with, from inside."""
        places = {service.name: [service.address] for service in self.services()}
        return Look(self._settings, self._places, time.time_ns() // 1000, self.database, services=places, up=self._written, owned=True)

    def _write_whereabouts(self) -> None:
        """For commands beside this process; only where something changed."""
        reached, mllp = self._reached, f"127.0.0.1:{self.ports.get('mllp', 0)}"
        kafka, ehr = reached.get("WINCE_KAFKA_BOOTSTRAP", ""), reached.get("WINCE_EHR_URL", self._settings.ehr_url or "")
        said = Whereabouts(os.getpid(), self._since_us, tuple(self.services()), mllp, kafka, ehr)
        if said != self._written:
            whereabouts.write(self._places, said)
            self._written = said

    def failed(self) -> WinceError | None:
        """What must end it: a thread that keeps everything running is gone. The log names it."""
        found = first_failed([part for part in (self._keeper, self.supervisor, self.sandbox) if part is not None])
        if found is None:
            return None
        name, error = found
        log.error("a part failed; everything ends", task=name, error=error)
        return cause(name, error)

    def _environment(self) -> dict[str, str]:
        """What every service is told beyond the settings that it reads by itself."""
        settings, places = self._settings, self._places
        told = {name: value for name, value in os.environ.items() if name not in ("WINCE_PG_DSN", "WINCE_PG_DSN_FILE")}
        told["WINCE_LOG_LEVEL"] = self._settings.log_level  # -v and -q reach the services too
        told |= {"WINCE_STATE_DIR": str(places.root), "PYTHONUNBUFFERED": "1"}
        told["WINCE_PG_DSN_FILE"] = str(secret(places.root / "run" / "dsn", self.database.dsn))
        told = told | {"WINCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap} if settings.kafka_bootstrap else self._broker(told)
        if settings.ehr_url is None:
            self.sandbox, reached = sandbox.start(settings, places, self._stack)
            told |= {f"WINCE_{name.upper()}": str(value) for name, value in reached.items()}
            self._told("ehr", self.sandbox.base_url)
        told |= self._ensemble()
        self.ports = {name: self._port(PORTS[name]) for name in self._names} | {"mllp": self._port(settings.mllp_port)}
        told["WINCE_MLLP_PORT"] = str(self.ports["mllp"])
        for name, port in (("dicom", settings.dicom_port), ("stow", settings.stow_port)):
            if "imaging" in self._names and port is not None:
                self.ports[name] = self._port(port)
                told[f"WINCE_{name.upper()}_PORT"] = str(self.ports[name])
        if "detect" in self.ports:
            told["WINCE_DETECT"] = f"127.0.0.1:{self.ports['detect']}"
        return told

    def _port(self, wanted: int) -> int:
        """`wanted`, unless it is taken or another installation of this machine, which is starting too, has chosen it; then one that the
        system gives to nobody by itself: a service listens there seconds later only, and again after each of its ends."""
        for port in (wanted, *random.sample(QUIET, len(QUIET))):
            claim = socket.socket(socket.AF_UNIX)
            self._stack.callback(claim.close)
            with suppress(OSError), socket.socket() as probe:
                claim.bind(f"\0wince-up-{port}")  # an abstract name: it ends with the process, however that ends
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
                if port:
                    return port
        raise ConfigError("no port is free", field="127.0.0.1", remedy="stop something that listens")

    def _broker(self, told: Mapping[str, str]) -> dict[str, str]:
        """Start Kafka; what every service is told, as it is reached now. Each signs in with a password of its own, new at each start."""
        if reason := maven.available():
            remedy = f"set WINCE_KAFKA_BOOTSTRAP to Kafka's brokers, or let one be started here: {reason}"
            raise ConfigError("no Kafka is set and none can be started here", field="WINCE_KAFKA_BOOTSTRAP", remedy=remedy)
        self._told("kafka", "starts" if maven.fetched("kafka") else "is fetched by Maven, once: 44 MB")
        self.kafka = KafkaPeer(self._places.root / "kafka", closed=True)
        self._stack.callback(self.kafka.stop)
        found = self.kafka.start()
        broker.admit(self._places, self.kafka.administrator(), self._settings.kafka_prefix)
        self._told("kafka", found)
        return {name: value for name, value in told.items() if not name.startswith("WINCE_KAFKA_") or name == "WINCE_KAFKA_PREFIX"} | {
            "WINCE_KAFKA_BOOTSTRAP": found
        }

    def _ensemble(self) -> dict[str, str]:
        """TorchServe for a protocol with members of a site's own; where it can't be started the members run in the processes."""
        try:
            self.hosted = hosted(self._settings, list(self._protocols.every.values()), self._places.root / "serving")
        except ConfigError as error:
            self._told("torchserve", f"not started, the ensemble runs in the processes: {error.diagnostics()}")
            return {}
        if self.hosted is None:
            return {}
        self._told("torchserve", "starts")
        self._stack.callback(self.hosted.server.stop)
        told = self.hosted.start()
        self._told("torchserve", self.hosted.server.target)
        return told

    def _child(self, name: str, environment: dict[str, str]) -> Child:
        port = self.ports[name]
        command = [sys.executable, "-m", "wince.cli.main", "serve", name, "--supervised"]
        own = environment | {"WINCE_RPC__PORT": str(port)}
        if self.kafka is not None:
            own |= broker.environment(self._places, name)
        for setting in ("metrics_port", "health_port"):  # one machine, so each service has a port of its own
            if first := getattr(self._settings, setting):
                own[f"WINCE_{setting.upper()}"] = str(first + list(PORTS).index(name))
        rank = len(DRAIN_ORDER) - DRAIN_ORDER.index(name) if name in DRAIN_ORDER else 0
        place = self._places.root / "logs" / f"{name}.log"
        return Child(name, command, own, lambda: ready(port, self._settings), place, rank=rank)

    def _acquaint(self, ehr: EhrSandbox) -> None:
        """The sandbox knows whom the hospital admitted, and whose a visit is since it was corrected: an EHR would by itself."""
        with self.database.transaction() as tx:
            rows = tx.execute(
                "SELECT patient_system, patient, encounter_system, encounter FROM stay"
                " ORDER BY superseded_us IS NULL, recorded_us, start_us"
            ).fetchall()
        whose = {Identifier(system, visit): Identifier(patient_system, patient) for patient_system, patient, system, visit in rows}
        people = {Identifier(patient_system, patient) for patient_system, patient, _, _ in rows}
        ehr.seed(sorted(people - self._people, key=str), [(visit, who) for visit, who in whose.items() if self._whose.get(visit) != who])
        self._people |= people
        self._whose |= whose

    def _keep(self) -> None:
        """Database and broker stand again when they were killed."""
        while not self._stopping.wait(LOOK_S):
            try:
                self._write_whereabouts()
                if self._opened.ensure():
                    self._told("database", "started again")
                if self.sandbox is not None:
                    self._acquaint(self.sandbox)
                if self.kafka is not None and not self._stopping.is_set() and self.kafka.ensure():
                    self._told("kafka", "started again")
                if self.hosted is not None and not self._stopping.is_set() and self.hosted.ensure():
                    self._told("torchserve", "started again")
            except (*PASSING, OSError) as error:
                log.error("can't be restarted; trying again", error=error)


def ready(port: int, settings: Settings) -> bool:
    """Whether the service on a port of this machine says that it can do its work."""
    try:
        with client.blocking_channel([f"127.0.0.1:{port}"], settings.rpc) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            answer = check(health_pb2.HealthCheckRequest(), timeout=2, wait_for_ready=False, metadata=client.metadata(settings.rpc))
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    except grpc.RpcError:
        return False
