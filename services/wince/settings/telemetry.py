"""Logs, metrics and traces."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from wince.telemetry.otlp_config import OtlpSettings


class Telemetry(BaseModel):
    """What a process tells about itself."""

    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    log_json: bool = False
    """Logs as JSON lines instead of text."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Services answer Prometheus at http://127.0.0.1:PORT/metrics; absent: not at all; 0: any free port (it is logged). Several
    may run on one machine, so each adds its place: capture 0, detect 1, estimate 2, grade 3, record 4, care 5, hospital 6."""
    traces: Literal["off", "console", "otlp"] = "off"
    """Services: OpenTelemetry spans, one trace for each assessment; console: as JSON on standard error; otlp: to a collector."""
    otlp: OtlpSettings = OtlpSettings()
    """Which collector, such as WINCE_OTLP__ENDPOINT."""
