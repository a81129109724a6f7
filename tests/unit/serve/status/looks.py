"""What a subject looks with, made for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wince.serve.state_dir import Places
from wince.serve.status.interface import Look
from wince.serve.whereabouts import ServiceAt, Whereabouts
from wince.settings import Settings

NOW_US = 1_800_000_000_000_000


def look(root: Path, *, settings: dict[str, Any] | None = None, **fields: Any) -> Look:
    """At an installation below `root`, at NOW_US."""
    made = Settings(state_dir=root, **(settings or {}))
    return Look(made, Places.of(made), NOW_US, **fields)


def up(*services: ServiceAt, kafka: str = "") -> Whereabouts:
    """A `wince up` that runs for a minute."""
    return Whereabouts(4711, NOW_US - 60_000_000, services, "127.0.0.1:2575", kafka, "")
