"""Apache Kafka, over which services speak."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from wince.settings.part import Part


class Kafka(Part):
    """Kafka

    The broker between services. `wince run` needs none; `wince up` starts one where none is set.
    """

    kafka_bootstrap: str = Field(default="", examples=["kafka-1.example:9093,kafka-2.example:9093"])
    """Brokers to connect to first: HOST:PORT, separated by commas."""
    kafka_security: Literal["plaintext", "insecure-plaintext", "tls", "scram", "scram-plaintext"] = "plaintext"
    """plaintext: brokers on this machine only. tls: TLS. scram: TLS, and a password by SCRAM. scram-plaintext: the same without TLS, to
    brokers on this machine only. insecure-plaintext: brokers anywhere, and faces and names readable on the network."""
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256"] = "SCRAM-SHA-512"
    """How the password is shown to the brokers, where kafka_security is scram."""
    kafka_user: str = Field(default="", examples=["wince-detect"])
    """User name, where kafka_security is scram: one for each service, with the rights that `wince kafka acls` prints."""
    kafka_password: SecretStr | None = Field(default=None, examples=["change me"])
    """Password, where kafka_security is scram. Better given as a file (WINCE_KAFKA_PASSWORD_FILE)."""
    kafka_ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed at the brokers. Not set: the system's."""
    kafka_cert_file: Path | None = Field(default=None, examples=["/etc/wince/kafka-cert.pem"])
    """Our own certificate (PEM), where the brokers ask for one."""
    kafka_key_file: Path | None = Field(default=None, examples=["/etc/wince/kafka-key.pem"])
    """Private key (PEM) of that certificate."""
    kafka_prefix: str = Field(default="", max_length=64, pattern=r"^([a-z0-9][a-z0-9.-]*[.-])?$", examples=["north."])
    """Before the name of each topic and consumer group: several sites that share brokers each have their own. Small letters, digits,
    points and hyphens, ending with a point or a hyphen. All services of a site need the same; topics of another name are not read."""
    kafka_replication: int | None = Field(default=None, ge=1, examples=[3])
    """Copies of each topic that Wince creates. Not set: as the broker has it."""
