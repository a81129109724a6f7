"""What a server says of itself: version, services, protocols, models. Message types only; nothing here is about a patient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A server and its installation."""

    version: str
    """Wince's, such as "0.1.0"."""
    api_version: str
    """ "v1"."""
    site: str
    time_us: int
    """The server's clock, microseconds UTC."""
    services: tuple[str, ...]
    """Full names of the gRPC services that it answers."""
    protocols: tuple[str, ...]
    """Names of those that grade here, the default first."""
    model_set: str
    """Of the default protocol: sha256 in hex; empty where its files can't be read there."""
    capabilities: tuple[str, ...]
    """What this version can do beyond the first one, such as "watch.resume"."""


@dataclass(frozen=True, slots=True)
class GradeBand:
    """A grade of a protocol's scale."""

    name: str
    min_score: float
    """The lowest score that is this grade."""


@dataclass(frozen=True, slots=True)
class ProtocolInfo:
    """A clinical protocol: whom it may judge, and what its numbers mean."""

    name: str
    title: str
    version: str
    """Of its file, as the site counts."""
    label: str
    """Stands beside every number, such as that it is for research."""
    scale: str
    grades: tuple[GradeBand, ...]
    """From the lowest; `Assessment.grade` is the index."""
    population: str
    window_us: int
    rate_hz: float
    """Frames a second that it samples."""
    rule: str
    """sha256 (hex) of its canonical rules, as `Assessment.rule`."""
    model_set: str
    """As `Assessment.model_set`; empty where its files can't be read there, or it doesn't run."""
    runs: bool
    """It grades here. False: its file is there, and the record may speak of it."""


class ModelState(StrEnum):
    """Whether a model can be used."""

    UNSPECIFIED = "unspecified"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"
    """Missing, or its golden inference failed."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model file that a server uses."""

    name: str
    sha256: str
    state: ModelState
