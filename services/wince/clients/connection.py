"""All services of an installation behind one object, as an integrator reaches them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from wince.clients.about import AboutClient
from wince.clients.cameras import CamerasClient
from wince.clients.care import CareClient
from wince.clients.hospital import HospitalClient
from wince.clients.record import RecordClient
from wince.clients.stages import DetectClient, EstimateClient, GradeClient
from wince.clients.unary import DEADLINE_S, ServiceClient
from wince.clients.watch import WatchClient
from wince.domain.loopback import loopback
from wince.errors import ConfigError, choices
from wince.rpc.config import RpcSettings
from wince.rpc.ports import PORTS

SERVICES = ("record", "care", "hospital", "capture", "detect", "estimate", "grade")
_Client = TypeVar("_Client", bound=ServiceClient)


def connect(
    host: str = "",
    *,
    addresses: Mapping[str, str | Sequence[str]] | None = None,
    ca: Path | str | None = None,
    cert: Path | str | None = None,
    key: Path | str | None = None,
    token: str | Callable[[], str] | None = None,
    server_name: str = "",
    deadline_s: float = DEADLINE_S,
    plain_beyond_loopback: bool = False,
) -> Wince:
    """Clients of an installation. Nothing is sent before the first call.

    host: where all services listen on their usual ports (record 7425, care 7426, hospital 7427, capture 7421, detect 7422, estimate 7423,
    grade 7424). addresses: HOST:PORT of a service by its name, or of each of its replicas, or one dns:/// name of them; they count before
    `host`. ca: authorities (PEM) whose certificates are believed; None: no TLS, which only loopback takes, unless `plain_beyond_loopback`.
    cert, key: our own certificate and key (PEM), where the services ask for one. token: sent with each call, or a function that gives it
    (one that is renewed). server_name: the name in their certificate, where they are named by number. deadline_s: of each call.
    Raises ConfigError naming the argument.
    """
    named = {name: [found] if isinstance(found, str) else list(found) for name, found in (addresses or {}).items()}
    for name in named:
        if name not in SERVICES:
            raise ConfigError("is no service", field=f"addresses: {name}", remedy=choices(name, SERVICES))
    every = {name: [f"{host}:{PORTS[name]}"] for name in SERVICES} | named if host else named
    if not every:
        raise ConfigError("says nowhere to connect to", field="host", remedy="name a host, or addresses")
    if ca is None and not plain_beyond_loopback:
        for place in (place for places in every.values() for place in places):
            if not loopback(place.rpartition(":")[0].strip("[]")):
                raise ConfigError("would be spoken to unencrypted", field=f"ca ({place})", remedy="name the authority of its certificate")
    if (cert is None) != (key is None):
        raise ConfigError("a certificate and its key belong together", field="cert, key", remedy="give both, or none")
    believed, own, private = (None if file is None else Path(file) for file in (ca, cert, key))
    config = RpcSettings(ca_file=believed, client_cert_file=own, client_key_file=private)
    asked = token if callable(token) or token is None else lambda: token
    return Wince(every, config, deadline_s=deadline_s, server_name=server_name, token=asked)


class Wince:
    """Clients of the services of one installation, each made when it is first used. Thread-safe once made; a context manager."""

    def __init__(self, addresses: Mapping[str, Sequence[str]], config: RpcSettings, **named: Any) -> None:
        """addresses: HOST:PORT of each replica, by service. config, named: as of ServiceClient."""
        self._addresses, self._config, self._named = addresses, config, named
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; calls in flight end too. Idempotent."""
        self._stack.close()

    @cached_property
    def record(self) -> RecordClient:
        """Assessments, alerts, entries, reports, deliveries, the audit trail."""
        return self._made(RecordClient, "record")

    @cached_property
    def watch(self) -> WatchClient:
        """What is committed, as it is."""
        return self._made(WatchClient, "record")

    @cached_property
    def care(self) -> CareClient:
        """Questions, verdicts, pauses, patient states, switches, consents."""
        return self._made(CareClient, "care")

    @cached_property
    def hospital(self) -> HospitalClient:
        """Who lies where."""
        return self._made(HospitalClient, "hospital")

    @cached_property
    def capture(self) -> CamerasClient:
        """Cameras, and frames pushed in."""
        return self._made(CamerasClient, "capture")

    @cached_property
    def detect(self) -> DetectClient:
        """Faces in frames of your own."""
        return self._made(DetectClient, "detect")

    @cached_property
    def estimate(self) -> EstimateClient:
        """Numbers on these faces."""
        return self._made(EstimateClient, "estimate")

    @cached_property
    def grade(self) -> GradeClient:
        """Grades of these numbers."""
        return self._made(GradeClient, "grade")

    @cached_property
    def server(self) -> AboutClient:
        """What the first service that is named says of itself."""
        return self.server_of(next(name for name in SERVICES if name in self._addresses))

    def server_of(self, service: str) -> AboutClient:
        """What a service says of itself; "record" and the others. Raises ConfigError where its address isn't known."""
        return self._made(AboutClient, service)

    def _made(self, kind: type[_Client], service: str) -> _Client:
        places = self._addresses.get(service)
        if places is None:
            raise ConfigError("is not known", field=f"addresses: {service}", remedy=f"name where {service} listens, or a host")
        made = kind(places, self._config, **self._named)
        self._stack.callback(made.close)
        return made
