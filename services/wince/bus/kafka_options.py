"""How to reach Kafka: a small typed configuration, the client's settings that follow from it, and errors in our words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from wince.domain.loopback import loopback
from wince.errors import ConfigError, PeerError, Refused, Unavailable

Security = Literal["plaintext", "insecure-plaintext", "tls", "scram"]

RETRIABLE = (
    kafka_errors.RetriableError,
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.RebalanceInProgressError,
)
"""What a client raises while brokers come and go: it goes on by itself."""


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Where Kafka is and how to sign in."""

    bootstrap: str
    """host:port, comma separated."""
    security: Security = "plaintext"
    """plaintext: only to this machine; insecure-plaintext: to anywhere, faces and names readable on the wire; tls; scram: TLS and
    SCRAM-SHA-512."""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    """Certificates that are trusted; absent: those of the system."""
    cert_file: Path | None = None
    """Our own certificate, where the broker asks for one."""
    key_file: Path | None = None
    replication: int | None = None
    """Copies of each topic that is created; absent: as the broker has it."""
    connect_s: float = 10.0
    """How long the first answer may take."""

    def __post_init__(self) -> None:
        """Raises ConfigError for what can't be meant."""
        hosts = [server.rpartition(":")[0] for server in self.servers()]
        if not hosts or not all(hosts) or not all(server.rpartition(":")[2].isdigit() for server in self.servers()):
            raise ConfigError("needs host:port, comma separated", field="kafka_bootstrap", remedy="such as kafka-1.example:9093")
        if self.security == "plaintext" and not all(loopback(host) for host in hosts):
            raise ConfigError(
                "plaintext is for brokers on this machine only",
                field="kafka_security",
                remedy="set tls or scram; insecure-plaintext lets faces and names pass the network readable",
            )
        if (self.security == "scram") != bool(self.user and self.password):
            what = "a user and a password belong to scram, and scram to them"
            raise ConfigError(what, field="kafka_user, kafka_password", remedy="set all three, or none")
        if (self.cert_file is None) != (self.key_file is None):
            raise ConfigError("a certificate needs its key", field="kafka_cert_file, kafka_key_file", remedy="set both, or none")
        for name in ("ca_file", "cert_file", "key_file"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise ConfigError("is no file", field=f"kafka_{name}={path}", remedy="name a readable PEM file")

    def servers(self) -> list[str]:
        """host:port each."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    def client(self) -> dict[str, Any]:
        """Settings that admin client, producer and consumer share. Their default backoffs make an outage of seconds last 20 s."""
        common: dict[str, Any] = {
            "bootstrap_servers": self.servers(),
            "client_id": "wince",
            "request_timeout_ms": 8000,
            "retry_backoff_ms": 100,
            "reconnect_backoff_ms": 50,
            "reconnect_backoff_max_ms": 1000,
            "metadata_max_age_ms": 30_000,
            "bootstrap_timeout_ms": int(self.connect_s * 1000),
        }
        if self.security in ("tls", "scram"):
            paths = {"ssl_cafile": self.ca_file, "ssl_certfile": self.cert_file, "ssl_keyfile": self.key_file}
            common |= {"security_protocol": "SSL", **{name: str(path) for name, path in paths.items() if path is not None}}
        if self.security == "scram":
            common |= {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512"}
            common |= {"sasl_plain_username": self.user, "sasl_plain_password": self.password}
        return common

    def admin(self) -> KafkaAdminClient:
        """A connected admin client. Raises Unavailable or Refused."""
        try:
            return KafkaAdminClient(**self.client())
        except (kafka_errors.KafkaError, OSError, ValueError) as error:
            raise self.error(error) from None

    def error(self, error: BaseException) -> PeerError:
        """One of our errors for one of the client's. A wrong password, a certificate that is not trusted and a broker that is down all
        look like a broker that is silent, so all three are named."""
        kind = type(error).__name__
        if isinstance(error, (kafka_errors.AuthorizationError, kafka_errors.PolicyViolationError)):
            return Refused(f"Kafka says no ({kind})", field=self.bootstrap, remedy="let this user create, read and write wince.* topics")
        if isinstance(error, (kafka_errors.KafkaTimeoutError, kafka_errors.KafkaConnectionError, OSError)):
            return Unavailable(
                f"no Kafka broker let us in within {self.connect_s:.0f} s ({kind})",
                field=self.bootstrap,
                remedy="one of three: no broker runs there or the network is cut; user or password is wrong; "
                f"TLS does not fit (security is {self.security!r}: the broker's listener, its certificate, ca_file)",
            )
        return Unavailable(f"Kafka failed ({kind})", field=self.bootstrap)
