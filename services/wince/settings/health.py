"""What an orchestrator asks of a service."""

from __future__ import annotations

from pydantic import Field

from wince.settings.part import Part


class Health(Part):
    """Health

    How Kubernetes, or another orchestrator, learns whether a service starts, lives and works (docs/how-to/monitor.md).
    """

    health_port: int | None = Field(default=None, ge=0, le=65535, examples=[7420])
    """Port on which a service answers gRPC health checks (grpc.health.v1) in the clear, without a token, and nothing else: kubelet's probes
    know no TLS. It answers from the first second of a start. Ask "" whether the service can work, "live" whether it must be started again.
    Not set: health is answered on the service's own port alone. 0: any free one (it is logged). `wince up` gives each service this port
    plus its place, as with metrics_port."""
    health_host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address of that port. It may lie beyond loopback without more: who asks there learns that a service is serving or not, never
    anything of patients, cameras or settings, and can change nothing."""
    start_wait_s: float = Field(default=20.0, ge=0, le=7 * 24 * 3600, examples=[86400])
    """How long a service that starts waits for its database and for Kafka, before it ends with an error. Under an orchestrator a long wait
    is better than an end: after many ends it starts a service again only minutes later."""
