"""How to reach Kafka: a small typed configuration, the client's settings that follow from it, and errors in our words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from wince.bus.kafka_sign_in import refusal
from wince.bus.names import PLAIN, Names
from wince.domain.loopback import loopback
from wince.errors import ConfigError, PeerError, Refused, Unavailable

Security = Literal["plaintext", "insecure-plaintext", "tls", "scram", "scram-plaintext"]
Mechanism = Literal["SCRAM-SHA-512", "SCRAM-SHA-256"]
SIGNED_IN = ("scram", "scram-plaintext")
"""Where a user and a password belong to it."""
HERE_ONLY = ("plaintext", "scram-plaintext")
"""Nothing is encrypted: only to brokers on this machine."""

RETRIABLE = (
    kafka_errors.RetriableError,
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.RebalanceInProgressError,
)
"""What a client raises while brokers come and go: it goes on by itself."""

logging.getLogger("kafka.net.sasl.scram").setLevel(logging.ERROR)  # it warns of a password in the clear, which SCRAM never sends


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """Where Kafka is and how to sign in."""

    bootstrap: str
    """host:port, comma separated."""
    security: Security = "plaintext"
    """plaintext: only to this machine; insecure-plaintext: to anywhere, faces and names readable on the wire; tls; scram: TLS and SCRAM;
    scram-plaintext: SCRAM without TLS, only to this machine."""
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
    mechanism: Mechanism = "SCRAM-SHA-512"
    """How the password is shown, where there is one."""
    names: Names = PLAIN
    """What our topics and groups are called there."""

    def __post_init__(self) -> None:
        """Raises ConfigError for what can't be meant."""
        hosts = [server.rpartition(":")[0] for server in self.servers()]
        if not hosts or not all(hosts) or not all(server.rpartition(":")[2].isdigit() for server in self.servers()):
            raise ConfigError("needs host:port, comma separated", field="kafka_bootstrap", remedy="such as kafka-1.example:9093")
        if self.security in HERE_ONLY and not all(loopback(host) for host in hosts):
            raise ConfigError(
                f"{self.security} is for brokers on this machine only",
                field="kafka_security",
                remedy="set tls or scram; insecure-plaintext lets faces and names pass the network readable",
            )
        if (self.security in SIGNED_IN) != bool(self.user and self.password):
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
        if self.security in SIGNED_IN:
            protocol = "SASL_SSL" if self.security == "scram" else "SASL_PLAINTEXT"
            common |= {"security_protocol": protocol, "sasl_mechanism": self.mechanism}
            common |= {"sasl_plain_username": self.user, "sasl_plain_password": self.password}
        return common

    def admin(self) -> KafkaAdminClient:
        """A connected admin client. Raises Unavailable or Refused."""
        try:
            return KafkaAdminClient(**self.client())
        except (kafka_errors.KafkaError, OSError, ValueError) as error:
            raise self._not_signed_in() or self.error(error) from None

    def _not_signed_in(self) -> Refused | None:
        """The error of a user that a broker does not know by this password; None where that is not the cause."""
        if self.security not in SIGNED_IN:
            return None
        client = self.client()
        why = next(filter(None, (refusal(server, client) for server in self.servers())), "")
        remedy = "set kafka_user, kafka_password and kafka_mechanism as the brokers know them"
        return Refused(f"Kafka does not let user {self.user!r} sign in: {why}", field=self.bootstrap, remedy=remedy) if why else None

    def refused(self, missing: Sequence[object] = ()) -> Refused:
        """The error of a user who may not do what it must; `missing`: rights, where they are known."""
        who = f"user {self.user!r}" if self.user else "us"
        what = ", ".join(map(str, missing)) or "what is needed"
        return Refused(f"Kafka does not allow {who}: {what}", field=self.bootstrap, remedy="grant it: `wince kafka acls` prints how")

    def error(self, error: BaseException) -> PeerError:
        """One of our errors for one of the client's. A certificate that is not trusted, a listener that wants another way of signing in and
        a broker that is down all look like a broker that is silent, so all three are named."""
        kind = type(error).__name__
        if isinstance(error, (kafka_errors.AuthorizationError, kafka_errors.PolicyViolationError)):
            return self.refused()
        if isinstance(error, (kafka_errors.KafkaTimeoutError, kafka_errors.KafkaConnectionError, OSError)):
            return Unavailable(
                f"no Kafka broker let us in within {self.connect_s:.0f} s ({kind})",
                field=self.bootstrap,
                remedy="one of three: no broker runs there or the network is cut; the broker wants another way of signing in "
                f"(kafka_security is {self.security!r}; user and password); TLS does not fit (its certificate, kafka_ca_file)",
            )
        return Unavailable(f"Kafka failed ({kind})", field=self.bootstrap)
