"""The HL7 v2 listener, to which the hospital sends its ADT messages."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
    mllp_connections: int = Field(default=64, ge=1, le=10_000)
    """Most connections of senders at a time. A further one is closed, logged and counted by a metric."""
    mllp_connections_per_address: int = Field(default=16, ge=1, le=10_000)
    """Most connections of one address, so that no sender shuts out the others. An interface engine often has one per interface."""
    mllp_message_bytes: int = Field(default=1 << 20, ge=4096, le=64 << 20)
    """Longest message that is taken. A longer one is answered AR."""
    mllp_idle_s: float = Field(default=600.0, gt=0, le=7 * 86_400)
    """Longest silence between two messages of a connection, seconds; then it is closed. Senders that keep theirs open all night and
    don't connect again by themselves need more."""
    mllp_charset: str = Field(default="UNICODE UTF-8", examples=["8859/1"])
    """Character set of messages that declare none in MSH-18, in the words of HL7 table 0211. Bytes that are none of a message's set
    cost the field that they stand in, never a guess."""
    mllp_refused: Literal["ae", "park"] = "ae"
    """What happens to an ADT message that can't be understood. ae: it is answered AE, and most senders then stop their whole queue until
    somebody acts. park: it is kept, answered AA and alarmed; `wince hl7 parked` lists, replays and drops such messages. Until its replay
    who lies where may be wrong for that patient."""
    mllp_parked_bytes: int = Field(default=64 << 20, ge=1 << 20, le=8 << 30)
    """Most bytes of parked messages. Beyond that, messages are answered AE again."""
    mllp_parked_days: int = Field(default=30, ge=1, le=3650)
    """After how many days a parked message that nobody replayed is deleted. The audit trail says so."""
    insecure_mllp_beyond_loopback: bool = False
    """Take HL7 v2 beyond loopback although TLS or client certificates are missing. Everybody on the network can then admit patients."""
