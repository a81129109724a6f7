"""What Prometheus is told of a process: whether it works, which release, which models and rules, which schema its database has."""

from __future__ import annotations

from prometheus_client import Gauge

from wince.telemetry.metrics import REGISTRY

READY = Gauge("wince_ready", "1 while the service does its work; 0 while it starts, drains, or once a part failed", registry=REGISTRY)


def ready(is_ready: bool) -> None:
    """Health says so too."""
    READY.set(is_ready)
