"""Metrics of the second places that checkpoints of the audit trail are sent to."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from wince.telemetry.metrics import REGISTRY

SENT = Counter("wince_anchor_sent", "Checkpoints that a second place took", ("kind",), registry=REGISTRY)
FAILED = Counter("wince_anchor_failures", "Tries to reach a second place that failed", ("kind",), registry=REGISTRY)
LINKS = Gauge(
    "wince_anchor_unsent_links", "Links of the audit chain that no checkpoint at a second place covers yet", ("kind",), registry=REGISTRY
)
AGE = Gauge("wince_anchor_unsent_oldest_seconds", "Age of the oldest of them; 0 where there is none", ("kind",), registry=REGISTRY)


def sent(kind: str) -> None:
    """A place took a checkpoint. `kind`: "file", "s3" or "timestamp"."""
    SENT.labels(kind).inc()


def failed(kind: str) -> None:
    """A place did not take one, or can't be asked."""
    FAILED.labels(kind).inc()


def unsent(kind: str, links: int, oldest_s: float) -> None:
    """What no checkpoint there covers."""
    LINKS.labels(kind).set(links)
    AGE.labels(kind).set(oldest_s)
