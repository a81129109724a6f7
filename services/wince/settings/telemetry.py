"""Logs, metrics and traces."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from wince.settings.part import Part
from wince.telemetry.otlp_config import OtlpSettings


class Telemetry(Part):
    """Logs, metrics, traces

    What a process reports about itself. None of it holds a patient's name, number or birth date.
    """

    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """Least level of what is logged, on standard error."""
    log_json: bool = False
    """Logs as JSON lines instead of text."""
    logs_key_file: Path | None = Field(default=None, examples=["/etc/wince/secrets/logs/logs.key"])
    """File of 32 random bytes that key the hashes which stand for patients and beds in logs (`head -c 32 /dev/urandom`). Services with the
    same file write the same hash for the same patient, on whichever machine they run. Not set: made in state_dir/keys at the first
    start."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535, examples=[9400])
    """Port on which a service answers Prometheus at /metrics. Not set: not at all. 0: any free one (it is logged). `wince up` gives each
    service this port plus its place: capture 0, detect 1, estimate 2, grade 3, record 4, care 5, hospital 6, imaging 7."""
    metrics_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address on which metrics are answered, without TLS or a password. Beyond loopback only with insecure_metrics_beyond_loopback."""
    insecure_metrics_beyond_loopback: bool = False
    """Answer metrics beyond loopback. Everybody on the network can then read the cameras' ids and counts of alerts."""
    traces: Literal["off", "console", "otlp"] = "off"
    """OpenTelemetry spans of services, one trace for each assessment. console: JSON on standard error. otlp: to a collector."""
    otlp: OtlpSettings = OtlpSettings()
    """The collector of traces, where traces is otlp."""
