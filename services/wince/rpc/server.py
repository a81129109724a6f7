"""A gRPC server for one process: services registered, guarded, healthy, drained.

with ServerThread([registration(...)], config) as server:
    server.port
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

from wince.domain.reach import Find
from wince.errors import ResourceError
from wince.parts import WatchedThread
from wince.rpc import config as limits
from wince.rpc import tls
from wince.rpc.addresses import networks
from wince.rpc.auth import Callers, SignIn
from wince.rpc.config import RpcSettings
from wince.rpc.guard import Guard, Observer
from wince.rpc.peers import Peers, make_room
from wince.rpc.workers import Workers
from wince.telemetry import logs

log = logs.get(__name__)

__all__ = ["Registration", "RpcServer", "ServerThread", "Workers"]

OWN_FILES = 1024
"""Descriptors that a process may need beside its connections."""
REFLECTION_V1 = "grpc.reflection.v1.ServerReflection"
WINDOW = 1 << 20
"""Bytes of a stream that may be on their way or wait to be read."""


@dataclass(frozen=True)
class Registration:
    """A service to be served."""

    name: str
    """Full name, such as "wince.api.detect.v1.DetectService"."""
    add: Callable[[grpc.aio.Server], None]
    """Adds its servicer to a server: `lambda server: add_DetectServiceServicer_to_server(servicer, server)`. Who may call what stands in
    rpc/rights.py."""
    slow: frozenset[str] = field(default_factory=frozenset)
    """Methods that may take `slow_deadline_s`."""
    max_bytes: int = 1 << 20
    """Longest request that makes sense; a server takes no longer ones than its services, nor than its settings say."""
    close: Callable[[], None] | None = None
    """Called once when the server has stopped."""


class RpcServer:
    """A server; used from one event loop."""

    def __init__(
        self,
        registrations: Sequence[Registration],
        config: RpcSettings,
        *,
        find: Find | None = None,
        sign_in: SignIn | None = None,
        observe: Observer | None = None,
        is_ready: bool = True,
    ) -> None:
        """`sign_in`: who else may call than the token file's. `find`: where cameras, beds and patients are;
        without it a caller that is bound to beds or wards reaches nothing here. `is_ready`: what health says from the first answer on.
        Raises ConfigError where the server would be open to the network, or a file of keys or tokens is wrong."""
        limits.check(config, signs_in=sign_in is not None)
        self._config, self._registrations, self._is_ready = config, tuple(registrations), is_ready
        slow = frozenset(f"/{one.name}/{method}" for one in registrations for method in one.slow)
        self._guard = Guard(config, Callers(config.token_file, sign_in), find, slow, observe)
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._peers: Peers | None = None
        self._credentials = tls.credentials(config)
        self.port = 0
        """The port that is listened on, after `start`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Whose health is told: the server's as a whole, "", and each service's."""
        return "", *(one.name for one in self._registrations)

    @property
    def running(self) -> int:
        """Calls that run now."""
        return self._guard.running

    async def start(self) -> int:
        """Listen; the port. Raises ResourceError where it can't be had."""
        most = min(self._config.max_message_bytes, max((one.max_bytes for one in self._registrations), default=1 << 20))
        make_room(self._config.max_connections + OWN_FILES)
        options, at_once = _options(self._config, most), self._config.max_rpcs
        server = grpc.aio.server(interceptors=[self._guard], options=options, maximum_concurrent_rpcs=at_once)
        for one in self._registrations:
            one.add(server)
        for name in self.names:
            await self.ready(name, self._is_ready)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._config.reflection:
            _reflect(server, [one.name for one in self._registrations])
        host = self._config.host
        address = f"[{host}]:{self._config.port}" if ":" in host and not host.startswith(("[", "unix:")) else f"{host}:{self._config.port}"
        try:
            if self._credentials is None:
                self.port = server.add_insecure_port(address)
            else:
                self.port = server.add_secure_port(address, self._credentials)
        except RuntimeError:
            self.port = 0
        if self.port == 0:
            raise ResourceError("can't listen", field=f"rpc.host, rpc.port: {address}", remedy="is the port taken? name another")
        await server.start()
        self._guard.begin()
        self._server = server
        self._peers = Peers(self.port, self._config.max_connections_per_address, networks(self._config.proxies))
        self._peers.start()
        log.info("gRPC listens", host=host, port=self.port, tls=self._credentials is not None)
        return self.port

    async def ready(self, name: str, is_ready: bool) -> None:
        """Say whether a service can do its work; "" speaks for the whole server."""
        state = health_pb2.HealthCheckResponse.SERVING if is_ready else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(name, state)

    def failed(self) -> BaseException | None:
        """What ended the watch over connections, which may be too many from then on, or over streams, which may outlive their tokens."""
        return self._guard.failed() or (self._peers.failed() if self._peers is not None else None)

    async def drain(self) -> None:
        """Not ready any more, no new calls; what is in flight finishes within `drain_s`. Idempotent."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await self._health.enter_graceful_shutdown()
        self._guard.drain()
        await server.stop(self._config.drain_s)
        if self._peers is not None:
            await asyncio.to_thread(self._peers.stop)
        for one in self._registrations:
            if one.close is not None:
                await asyncio.to_thread(one.close)
        log.info("gRPC has stopped", port=self.port)


class ServerThread:
    """A server on an event loop and thread of its own, for a process whose work runs in threads. A context manager."""

    def __init__(
        self,
        registrations: Sequence[Registration],
        config: RpcSettings,
        *,
        find: Find | None = None,
        sign_in: SignIn | None = None,
        observe: Observer | None = None,
        is_ready: bool = True,
    ) -> None:
        """See RpcServer."""
        self._server = RpcServer(registrations, config, find=find, sign_in=sign_in, observe=observe, is_ready=is_ready)
        self._loop = asyncio.new_event_loop()
        self._ended = threading.Event()
        self._thread = WatchedThread("grpc", self._run, self._ended)
        self.port = 0

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def start(self) -> ServerThread:
        """Listen. Raises what RpcServer.start raises."""
        self._thread.start()
        try:
            self.port = asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result()
        except BaseException:
            self._end()
            raise
        return self

    def ready(self, name: str, is_ready: bool) -> None:
        """See RpcServer.ready. Where the loop itself is gone nobody hears anything from it anyhow."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._server.ready(name, is_ready), self._loop).result()

    @property
    def names(self) -> tuple[str, ...]:
        """See RpcServer.names."""
        return self._server.names

    def turns(self, within_s: float) -> bool:
        """Whether the event loop turns: it does nothing for somebody, within this time."""
        try:
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(within_s)
        except TimeoutError:
            return False
        return True

    def unready(self) -> None:
        """NOT_SERVING, for every service."""
        for name in self._server.names:
            self.ready(name, False)

    def failed(self) -> BaseException | None:
        """What ended the event loop, or something of the server's own, for good."""
        return self._thread.failed() or self._server.failed()

    @property
    def running(self) -> int:
        """Calls that run now."""
        return self._server.running

    def stop(self) -> None:
        """Drain and end. Idempotent."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._server.drain(), self._loop).result()
            self._end()

    def _end(self) -> None:
        self._ended.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> ServerThread:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _reflect(server: grpc.aio.Server, services: Sequence[str]) -> None:
    """Reflection v1alpha, and v1, whose messages are the same on the wire; the library has no stubs of v1."""
    servicer = ReflectionServicer([*services, health.SERVICE_NAME, reflection.SERVICE_NAME])
    add_ServerReflectionServicer_to_server(servicer, server)
    asked, answered = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse
    handler = grpc.stream_stream_rpc_method_handler(servicer.ServerReflectionInfo, asked.FromString, answered.SerializeToString)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(REFLECTION_V1, {"ServerReflectionInfo": handler}),))


def _options(config: RpcSettings, most: int) -> list[tuple[str, int]]:
    def ms(seconds: float) -> int:
        return round(seconds * 1000)

    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", config.max_message_bytes),
        ("grpc.max_allowed_incoming_connections", config.max_connections),
        ("grpc.max_concurrent_streams", config.max_streams_per_connection),
        ("grpc.server_handshake_timeout_ms", ms(config.handshake_s)),
        ("grpc.max_connection_idle_ms", ms(config.connection_idle_s)),
        ("grpc.max_connection_age_ms", ms(config.max_stream_age_s)),
        ("grpc.max_connection_age_grace_ms", ms(config.max_stream_age_s * 0.2 + 30)),
        ("grpc.keepalive_time_ms", ms(config.keepalive_s)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),  # else a minute and more, whatever the line above says
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_metadata_size", 16 * 1024),
        # A fixed window for each stream: the estimated one grows to a hundred megabytes where a handler is slow.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", WINDOW),
    ]
