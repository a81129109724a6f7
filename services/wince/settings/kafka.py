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
    kafka_security: Literal["plaintext", "insecure-plaintext", "tls", "scram"] = "plaintext"
    """plaintext: brokers on this machine only. tls: TLS. scram: TLS and SCRAM-SHA-512. insecure-plaintext: brokers anywhere, and faces and
    names readable on the network."""
    kafka_user: str = Field(default="", examples=["wince"])
    """User name, where kafka_security is scram."""
    kafka_password: SecretStr | None = Field(default=None, examples=["change me"])
    """Password, where kafka_security is scram. Better given as a file (WINCE_KAFKA_PASSWORD_FILE)."""
    kafka_ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed at the brokers. Not set: the system's."""
    kafka_cert_file: Path | None = Field(default=None, examples=["/etc/wince/kafka-cert.pem"])
    """Our own certificate (PEM), where the brokers ask for one."""
    kafka_key_file: Path | None = Field(default=None, examples=["/etc/wince/kafka-key.pem"])
    """Private key (PEM) of that certificate."""
    kafka_replication: int | None = Field(default=None, ge=1, examples=[3])
    """Copies of each topic that Wince creates. Not set: as the broker has it."""
