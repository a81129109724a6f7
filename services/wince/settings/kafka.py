"""Apache Kafka, over which services speak."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr


class Kafka(BaseModel):
    """The brokers."""

    kafka_bootstrap: str = ""
    """Services: Kafka's brokers, HOST:PORT with commas between."""
    kafka_security: Literal["plaintext", "insecure-plaintext", "tls", "scram"] = "plaintext"
    """plaintext: only to this machine; insecure-plaintext: to anywhere, readable on the wire; tls; scram: TLS and SCRAM-SHA-512."""
    kafka_user: str = ""
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    """Certificates that are trusted; absent: those of the system."""
    kafka_cert_file: Path | None = None
    """Own certificate, where the broker asks for one."""
    kafka_key_file: Path | None = None
    kafka_replication: int | None = Field(default=None, ge=1)
    """Copies of each topic that is created; absent: as the broker has it."""
