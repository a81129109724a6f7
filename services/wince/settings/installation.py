"""What every process of an installation needs to know."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from pydantic import BaseModel, Field


class Installation(BaseModel):
    """Names, folders, protocol."""

    site: str = Field(default="wince-demo", min_length=1, max_length=64)
    """Names the installation; part of every id."""
    state_dir: Path = Field(default_factory=lambda: platformdirs.user_state_path("wince"))
    """Embedded Postgres, EHR sandbox, audit key and checkpoints lie here."""
    models_dir: Path = Field(default_factory=lambda: platformdirs.user_cache_path("wince") / "models")
    """Cache of the face models."""
    protocol: str = "activity"
    """The protocol that grades."""
    protocol_dir: Path | None = None
    """A folder with further protocol files."""
