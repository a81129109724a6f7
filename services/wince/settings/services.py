"""What services need of each other."""

from __future__ import annotations

from pydantic import Field

from wince.rpc.config import RpcSettings
from wince.serving.config import ServingSettings
from wince.settings.part import Part


class Services(Part):
    """Services

    How the processes of `wince serve` find each other.
    """

    detect: str = Field(default="127.0.0.1:7422", min_length=1)
    """Where capture finds detect: HOST:PORT, several with commas between, or dns:///NAME:PORT, over whose addresses streams are spread."""
    replay_at: str | None = Field(default=None, examples=["2026-11-21T14:00:00Z"])
    """For rehearsals and tests: clips are played as if they had begun at this whole minute (ISO 8601), as fast as the services take them.
    Nothing is late and nothing is dropped. Capture, estimate, grade and hospital need the same value."""
    serving: ServingSettings = ServingSettings()
    """A server for the models of a site's own. Without one they run in the process."""
    rpc: RpcSettings = RpcSettings()
    """gRPC: where a service listens, TLS, tokens, limits."""
