"""Where a service answers Prometheus: this machine alone, or further by a setting that says so."""

from __future__ import annotations

from wince.domain.loopback import loopback
from wince.errors import ConfigError
from wince.settings import Settings
from wince.telemetry.metrics import MetricsPage


def check(settings: Settings) -> None:
    """Raises ConfigError where metrics would be open to the network although nothing says so."""
    if not loopback(settings.metrics_host) and not settings.insecure_metrics_beyond_loopback:
        remedy = "answer on 127.0.0.1, or set insecure_metrics_beyond_loopback"
        raise ConfigError("metrics would be answered beyond loopback without TLS or a password", field="metrics_host", remedy=remedy)


def page(settings: Settings) -> MetricsPage | None:
    """The page, answering; None where no port is set. Raises ConfigError, ResourceError where the port can't be had."""
    if settings.metrics_port is None:
        return None
    check(settings)
    return MetricsPage(settings.metrics_port, settings.metrics_host)
