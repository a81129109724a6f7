"""The HL7 v2 listener, to which the hospital sends its ADT messages."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field


class Hl7(BaseModel):
    """The MLLP listener."""

    mllp_port: int = Field(default=0, ge=0, le=65535)
    """Port of the HL7 v2 listener; 0: any free one."""
    mllp_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Its address. Beyond loopback it needs TLS and client certificates."""
    mllp_cert_file: Path | None = None
    """Its certificate chain, PEM: then it speaks TLS only."""
    mllp_key_file: Path | None = None
    """Its private key, PEM."""
    mllp_client_ca_file: Path | None = None
    """Only senders with a certificate of this authority (PEM) are let in."""
    insecure_mllp_beyond_loopback: bool = False
    """Take HL7 v2 beyond loopback although TLS or client certificates are missing. Everybody on the network can then admit patients."""
