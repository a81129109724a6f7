"""Channels to services: spread over replicas, with TLS, token, retries and backoff; and streams that go on after their end.

`targets`: "host:port" of each replica, or one name that resolves to all of them, such as "dns:///detect:50051" (a headless service).
Every unary RPC of Wince may be repeated, since ids are the caller's; so UNAVAILABLE is tried five times in about 3 s. Who can wait longer
gives `wait_for_ready=True` and a `timeout` with the call.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import grpc

from wince.errors import ConfigError, Unavailable
from wince.rpc.config import RpcSettings, read
from wince.rpc.status import error_of

Request = TypeVar("Request")
Response = TypeVar("Response")

FIRST_S, LONGEST_S = 0.2, 5.0
"""Backoff: doubling, with jitter."""

_SERVICE = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": f"{FIRST_S}s",
                    "maxBackoff": f"{LONGEST_S}s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)


def target_of(targets: Sequence[str]) -> str:
    """One gRPC target of several addresses. Raises ConfigError where names are listed: they need one name that resolves to all."""
    if not targets:
        raise ConfigError("no address", field="rpc", remedy="name at least one replica, host:port")
    if len(targets) == 1:
        return targets[0]
    plain = [one.replace("localhost:", "127.0.0.1:") for one in targets]
    if any(one.split(":", 1)[0].strip("0123456789.") for one in plain):
        raise ConfigError("several replicas are named by number", field="rpc", remedy="IPv4:port of each, or dns:///name:port for all")
    return "ipv4:" + ",".join(plain)


def options(config: RpcSettings, server_name: str = "") -> list[tuple[str, Any]]:
    """Arguments of a channel."""
    made: list[tuple[str, Any]] = [
        ("grpc.service_config", _SERVICE),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", config.max_message_bytes),
        ("grpc.max_send_message_length", config.max_message_bytes),
        ("grpc.keepalive_time_ms", round(config.keepalive_s * 1000)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.ping_timeout_ms", 10_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 5_000),
        ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    ]
    if server_name:
        made.append(("grpc.ssl_target_name_override", server_name))
    return made


def credentials(config: RpcSettings) -> grpc.ChannelCredentials | None:
    """TLS, and with it the own certificate and token where they are set; None: no TLS."""
    if config.ca_file is None:
        return None
    key = read(config.client_key_file, "rpc.client_key_file") if config.client_key_file is not None else None
    chain = read(config.client_cert_file, "rpc.client_cert_file") if config.client_cert_file is not None else None
    return grpc.ssl_channel_credentials(read(config.ca_file, "rpc.ca_file"), key, chain)


def metadata(config: RpcSettings) -> tuple[tuple[str, str], ...]:
    """What goes with each call: the token, read anew each time so that it can be changed; empty where none is set."""
    if config.client_token_file is None:
        return ()
    token = read(config.client_token_file, "rpc.client_token_file").decode("ascii", "replace").strip()
    return (("authorization", f"Bearer {token}"),)


def channel(targets: Sequence[str], config: RpcSettings, *, server_name: str = "") -> grpc.aio.Channel:
    """A channel for asyncio; spread over replicas. `server_name`: the name in their certificate, where they are named by number."""
    tls, interceptors = credentials(config), _token(config) if config.client_token_file is not None else []
    target, made = target_of(targets), options(config, server_name)
    if tls is None:
        return grpc.aio.insecure_channel(target, made, interceptors=interceptors)
    return grpc.aio.secure_channel(target, tls, made, interceptors=interceptors)


def blocking_channel(targets: Sequence[str], config: RpcSettings, *, server_name: str = "") -> grpc.Channel:
    """A channel for threads. The token goes with `metadata(config)` of each call."""
    tls = credentials(config)
    target, made = target_of(targets), options(config, server_name)
    return grpc.insecure_channel(target, made) if tls is None else grpc.secure_channel(target, tls, made)


def _token(config: RpcSettings) -> list[grpc.aio.ClientInterceptor]:
    """What adds the token to every call: gRPC wants an object for each kind of call."""

    async def call(_self: object, continuation: Any, details: Any, request: Any) -> Any:
        added = grpc.aio.Metadata(*(details.metadata or ()), *metadata(config))
        return await continuation(details._replace(metadata=added), request)

    kinds = {
        "intercept_unary_unary": grpc.aio.UnaryUnaryClientInterceptor,
        "intercept_unary_stream": grpc.aio.UnaryStreamClientInterceptor,
        "intercept_stream_unary": grpc.aio.StreamUnaryClientInterceptor,
        "intercept_stream_stream": grpc.aio.StreamStreamClientInterceptor,
    }
    return [type("Token", (kind,), {name: call})() for name, kind in kinds.items()]


async def answered(
    call: Callable[[AsyncIterator[Request]], Any],
    requests: AsyncIterator[Request],
    *,
    in_flight: int = 16,
    attempts: int = 10,
    begin: Callable[[Request], Request] = lambda request: request,
) -> AsyncIterator[tuple[Request, Any]]:
    """Each request with its answer, in order, over as many streams as it takes; for RPCs that answer each request once.

    What a stream left without an answer is sent again on the next, which round_robin puts on another replica. `begin`: makes the first
    request of a stream. `attempts`: streams in a row that may end without an answer, with backoff between them. Raises the error of the
    tree that ended the last.
    """
    coming: asyncio.Queue[Request | None] = asyncio.Queue(1)
    waiting: deque[Request] = deque()
    room = asyncio.Event()
    room.set()
    over = False

    async def read() -> None:
        """Apart from any stream, so that a stream's end does not cut the caller's iterator in the middle."""
        try:
            async for request in requests:
                await coming.put(request)
        finally:
            await coming.put(None)

    async def outgoing() -> AsyncIterator[Request]:
        nonlocal over
        first = True
        for request in tuple(waiting):
            yield begin(request) if first else request
            first = False
        while not over:
            await room.wait()
            taken = await coming.get()
            if taken is None:
                over = True
                return
            waiting.append(taken)
            if len(waiting) >= in_flight:
                room.clear()
            yield begin(taken) if first else taken
            first = False

    reader = asyncio.ensure_future(read())
    failures = 0
    try:
        while True:
            got, failure = False, Unavailable("the stream ended before everything was answered")
            try:
                async for answer in call(outgoing()):
                    got, failures = True, 0
                    request = waiting.popleft()
                    room.set()
                    yield request, answer
            except grpc.aio.AioRpcError as error:
                found = error_of(error)
                if not isinstance(found, Unavailable):
                    raise found from None
                failure = found
            if over and not waiting:
                if reader.done() and (why := reader.exception()) is not None:
                    raise why
                return
            failures += not got
            if failures >= attempts:
                raise failure
            await asyncio.sleep(random.uniform(0.5, 1.0) * min(LONGEST_S, FIRST_S * 2**failures))
    finally:
        reader.cancel()
