"""What Prometheus is told of a process: which release it is, whether it works, which models and rules it reads faces by."""

from __future__ import annotations

from prometheus_client import Gauge

from wince.telemetry.metrics import REGISTRY, label
from wince.version import VERSION

READY = Gauge("wince_ready", "1 while the service does its work; 0 while it starts, drains, or once a part failed", registry=REGISTRY)
BUILD = Gauge("wince_build_info", "Always 1: which release of which service this is", ("service", "version"), registry=REGISTRY)
MODEL = Gauge(
    "wince_model_info", "Always 1: model set and rule by which a protocol reads faces", ("protocol", "model_set", "rule"), registry=REGISTRY
)


def ready(is_ready: bool) -> None:
    """Health says so too."""
    READY.set(is_ready)


def build(service: str) -> None:
    """This process is a service of this release."""
    BUILD.labels(label(service), label(VERSION)).set(1)


def model(protocol: str, model_set: str, rule: str) -> None:
    """This process reads faces for a protocol. `model_set`, `rule`: hex, as they stand in every assessment."""
    MODEL.labels(label(protocol), label(model_set), label(rule)).set(1)
