"""What services need of each other."""

from __future__ import annotations

from pydantic import BaseModel, Field

from wince.rpc.config import RpcSettings
from wince.serving.config import ServingSettings


class Services(BaseModel):
    """Addresses, gRPC, the served ensemble."""

    detect: str = Field(default="127.0.0.1:7422", min_length=1)
    """Where capture finds detect: HOST:PORT, several with commas between, or dns:///NAME:PORT, over whose addresses streams are spread."""
    replay_at: str | None = None
    """Services only: clips are played as if they had begun then (ISO 8601, whole minute), as fast as the road takes them; media time is
    the clock, nothing is late, nothing is dropped. For rehearsals and tests; capture, estimate, grade and hospital need the same value."""
    serving: ServingSettings = ServingSettings()
    """Where the members of a site's ensemble are asked, such as WINCE_SERVING__TARGET; by default they run in the process."""
    rpc: RpcSettings = RpcSettings()
    """gRPC: TLS, tokens, limits. In the environment WINCE_RPC__<KEY>, such as WINCE_RPC__TOKEN_FILE."""
