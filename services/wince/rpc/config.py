"""What can be set of gRPC: the section `[rpc]`. Keys and tokens are files, never values."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from wince import plain_file
from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.rpc.addresses import networks

MIB = 1 << 20
NAMED = "insecure_listen_beyond_loopback"


class RpcSettings(BaseModel):
    """A server's, and what its own calls to other services need."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address to listen on. Beyond loopback it needs TLS and authentication."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port to listen on. 0: the service's own (capture 7421, detect 7422, estimate 7423, grade 7424, record 7425, care 7426,
    hospital 7427, imaging 7428)."""
    insecure_listen_beyond_loopback: bool = False
    """Listen beyond loopback although TLS or authentication is missing. Everybody on the network can then read and write."""

    tls_cert_file: Path | None = Field(default=None, examples=["/etc/wince/rpc-cert.pem"])
    """The server's certificate chain (PEM). It is read again when it changes."""
    tls_key_file: Path | None = Field(default=None, examples=["/etc/wince/rpc-key.pem"])
    """Private key (PEM) of that certificate."""
    tls_client_ca_file: Path | None = Field(default=None, examples=["/etc/wince/services-ca.pem"])
    """mTLS: authority (PEM) of the clients' certificates. Set: a client without one is turned away."""
    token_file: Path | None = Field(default=None, examples=["/etc/wince/tokens"])
    """File of tokens and roles: who may do what (docs/reference/grpc.md). Not set: on loopback everybody may do everything."""
    proxies: tuple[str, ...] = Field(default=(), examples=[["10.0.0.7", "10.2.0.0/24"]])
    """Addresses or networks of the site's own proxies and load balancers, which pass on the calls of many. Their connections aren't
    counted by address, and where a limit is by address, the one in their header x-forwarded-for counts."""
    reflection: bool = True
    """Answer gRPC reflection: which services and messages there are."""

    max_message_bytes: int = Field(default=16 * MIB + 64 * 1024, ge=64 * 1024, le=64 * MIB)
    """Longest message that is taken: a full frame and its envelope. Services without frames take less."""
    max_connections: int = Field(default=1024, ge=1)
    """Most connections that are open at a time. Further ones are closed at once."""
    max_connections_per_address: int = Field(default=128, ge=1)
    """Most connections of one address (of IPv6: one /64), so that no single client shuts out the others. The newest beyond are closed
    within a quarter of a second. Connections of `proxies` aren't counted."""
    max_streams_per_connection: int = Field(default=100, ge=1)
    """Most calls that run at a time on one connection."""
    max_rpcs: int = Field(default=1024, ge=1)
    """Most calls that run at a time. Further ones are answered RESOURCE_EXHAUSTED."""
    max_rpcs_per_caller: int = Field(default=512, ge=1)
    """Most calls of one caller that run at a time, by the name of its token, certificate or sign-in; without one, of one address."""
    max_watches: int = Field(default=256, ge=1)
    """Most streams of `Watch` and `WatchAssessments` that one server has open. Further ones are answered RESOURCE_EXHAUSTED."""
    max_stream_age_s: float = Field(default=1800.0, gt=0)
    """Longest time of a stream, 10 % more or less. Its client then goes on at another replica."""
    stream_idle_s: float = Field(default=60.0, gt=0)
    """A stream on which the client sends nothing for this time is ended."""
    connection_idle_s: float = Field(default=60.0, gt=0)
    """A connection without a call for this time is closed."""
    handshake_s: float = Field(default=10.0, gt=0)
    """A connection that hasn't completed the gRPC handshake within this time is closed."""
    deadline_s: float = Field(default=30.0, gt=0)
    """Longest time of a call that isn't a stream, whatever deadline its client set."""
    slow_deadline_s: float = Field(default=600.0, gt=0)
    """The same for calls that read everything, such as verifying the audit chain."""
    drain_s: float = Field(default=20.0, gt=0)
    """How long calls in flight may finish after SIGTERM."""
    keepalive_s: float = Field(default=30.0, ge=10)
    """A connection that is silent for this time is pinged."""

    ca_file: Path | None = Field(default=None, examples=["/etc/wince/services-ca.pem"])
    """As a client of other services: authorities (PEM) whose certificates are believed. Not set: no TLS."""
    client_cert_file: Path | None = Field(default=None, examples=["/etc/wince/rpc-cert.pem"])
    """As a client: our own certificate (PEM), for mTLS."""
    client_key_file: Path | None = Field(default=None, examples=["/etc/wince/rpc-key.pem"])
    """As a client: private key (PEM) of that certificate."""
    client_token_file: Path | None = Field(default=None, examples=["/etc/wince/token"])
    """As a client: file that holds the token alone."""

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks(value)
        return value


def check(config: RpcSettings, *, signs_in: bool = False) -> None:
    """Raises ConfigError where the server would be open to the network, or where half of a pair is set. `signs_in`: callers are known by
    a sign-in, too."""
    for one, other in (("tls_cert_file", "tls_key_file"), ("client_cert_file", "client_key_file")):
        if (getattr(config, one) is None) != (getattr(config, other) is None):
            raise ConfigError(f"rpc.{one} and rpc.{other} belong together", field=f"rpc.{one}", remedy="set both, or none")
    if config.tls_client_ca_file is not None and config.tls_cert_file is None:
        raise ConfigError("client certificates need TLS", field="rpc.tls_client_ca_file", remedy="set rpc.tls_cert_file too")
    if loopback(config.host) or config.insecure_listen_beyond_loopback:
        return
    for missing, field in (
        (config.tls_cert_file is None, "rpc.tls_cert_file"),
        (config.token_file is None and not signs_in, "rpc.token_file"),
    ):
        if missing:
            what = "TLS" if field == "rpc.tls_cert_file" else "authentication"
            remedy = f"set it, listen on 127.0.0.1, or set rpc.{NAMED}"
            raise ConfigError(f"the server would listen beyond loopback without {what}", field=field, remedy=remedy)


def read(path: Path, field: str, *, limit: int = MIB) -> bytes:
    """A file that a setting names. Raises ConfigError."""
    try:
        return plain_file.read(path, limit)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={path}", remedy="name a readable file") from None
