"""Channels to services: spread over replicas, with TLS, token, retries and backoff.

`targets`: "host:port" of each replica, or one name that resolves to all of them, such as "dns:///detect:50051" (a headless service).
Every unary RPC of Wince may be repeated, since ids are the caller's; so UNAVAILABLE is tried five times in about 3 s. Who can wait longer
gives `wait_for_ready=True` and a `timeout` with the call.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

import grpc

from wince.errors import ConfigError
from wince.rpc.config import RpcSettings, read

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


class Connection:
    """A client's channel for threads; a context manager."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; calls in flight end too. Idempotent."""
        self._channel.close()


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
    """What goes with each call: the token, read again each time so that it can be changed; empty where none is set."""
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
