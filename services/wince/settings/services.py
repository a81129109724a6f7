"""What services need of each other."""

from __future__ import annotations

from pydantic import Field

from wince.rpc.config import RpcSettings
from wince.rpc.oidc_config import OidcSettings
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
    clock_ahead_s: float = Field(default=30.0, ge=1, le=3600)
    """How many seconds a camera's frames and beats may lie ahead of grade's clock. What lies further ahead is set aside and told, since it
    would close the bed's windows before their frames came. A clip that is replayed may lie a day after its begin."""
    clock_hold_s: float = Field(default=60.0, ge=10, le=24 * 3600)
    """For how many seconds a camera's clock must stay that far ahead, by as much and without a message from now, until it is followed."""
    serving: ServingSettings = ServingSettings()
    """A server for the models of a site's own. Without one they run in the process."""
    rpc: RpcSettings = RpcSettings()
    """gRPC: where a service listens, TLS, tokens, limits."""
    oidc: OidcSettings = OidcSettings()
    """The site's own sign-in (OpenID Connect): who calls the services with its tokens."""
