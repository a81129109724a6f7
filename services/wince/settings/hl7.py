"""The HL7 v2 listener, to which the hospital sends its ADT messages."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from wince.settings.part import Part


class Hl7(Part):
    """HL7 v2 listener

    Takes ADT messages over MLLP: who lies in which bed.
    """

    mllp_port: int = Field(default=0, ge=0, le=65535)
    """Port of the listener. 0: any free one (it is logged)."""
    mllp_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address on which it listens. Beyond loopback it needs TLS and client certificates."""
    mllp_cert_file: Path | None = Field(default=None, examples=["/etc/wince/mllp-cert.pem"])
    """Its certificate chain (PEM). Set: it speaks TLS only."""
    mllp_key_file: Path | None = Field(default=None, examples=["/etc/wince/mllp-key.pem"])
    """Private key (PEM) of that certificate."""
    mllp_client_ca_file: Path | None = Field(default=None, examples=["/etc/wince/senders-ca.pem"])
    """Authority (PEM) of the senders' certificates. Set: a sender without one is turned away."""
    insecure_mllp_beyond_loopback: bool = False
    """Take HL7 v2 beyond loopback although TLS or client certificates are missing. Everybody on the network can then admit patients."""
