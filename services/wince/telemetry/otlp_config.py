"""What can be set of the collector that traces go to: the section `[otlp]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class OtlpSettings(BaseModel):
    """Counts where `traces` is `otlp`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = Field(default="", examples=["https://collector.example:4317"])
    """Collector that takes OTLP over gRPC: https://HOST:4317, or http:// on this machine. Empty: as OTEL_EXPORTER_OTLP_ENDPOINT says, else
    http://127.0.0.1:4317."""
    ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed. Not set: the system's."""
    cert_file: Path | None = Field(default=None, examples=["/etc/wince/otlp-cert.pem"])
    """Our own certificate (PEM), where the collector asks for one."""
    key_file: Path | None = Field(default=None, examples=["/etc/wince/otlp-key.pem"])
    """Private key (PEM) of that certificate."""
    headers_file: Path | None = Field(default=None, examples=["/etc/wince/otlp-headers"])
    """File of headers that go with every request, one `name: value` a line, such as a token."""
    plain_beyond_loopback: bool = False
    """Send traces to another machine without TLS. Everybody on the network can then read them and the headers."""
