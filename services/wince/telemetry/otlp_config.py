"""What can be set of the collector that traces go to: the section `[otlp]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict


class OtlpSettings(BaseModel):
    """Counts where `traces` is `otlp`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str = ""
    """Collector that takes OTLP over gRPC: https://HOST:4317, or http:// on this machine. Empty: OTEL_EXPORTER_OTLP_ENDPOINT, else
    http://127.0.0.1:4317."""
    ca_file: Path | None = None
    """Authorities whose certificates are believed, PEM. Absent: the system's."""
    cert_file: Path | None = None
    """Own certificate, PEM, where the collector asks for one."""
    key_file: Path | None = None
    """Its private key, PEM."""
    headers_file: Path | None = None
    """Headers that go with every request, one `name: value` a line, such as a token."""
    plain_beyond_loopback: bool = False
    """Send to another machine without TLS: whoever listens on the network reads traces and headers."""
