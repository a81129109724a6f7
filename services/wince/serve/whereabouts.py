"""Where the services of a `wince up` are: written by it into the state directory, read by commands beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from wince.serve.state_dir import Places, owned


@dataclass(frozen=True, slots=True)
class ServiceAt:
    """One service of a `wince up`."""

    name: str
    address: str
    """HOST:PORT of its gRPC."""
    pid: int | None = None
    """None: it does not run now."""
    restarts: int = 0
    since_us: int = 0
    """When its process was last started, microseconds UTC; 0: never."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What a running `wince up` says of itself."""

    pid: int
    since_us: int
    services: tuple[ServiceAt, ...]
    mllp: str
    """HOST:PORT of the HL7 listener."""
    kafka: str
    """Brokers, comma separated."""
    ehr: str
    """FHIR base URL."""


def write(places: Places, said: Whereabouts) -> None:
    """Replace the file; a reader meets the old one or the new one. Raises OSError."""
    path = _path(places)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(said)))
    os.replace(new, path)


def remove(places: Places) -> None:
    """The installation goes down. Idempotent."""
    with suppress(OSError):
        _path(places).unlink()


def read(places: Places) -> Whereabouts | None:
    """What the running `wince up` wrote; None where none runs on this state directory, or it has not come so far. Never raises."""
    if not owned(places):
        return None
    try:
        said = json.loads(_path(places).read_text())
        services: Sequence[dict[str, object]] = said.pop("services")
        return Whereabouts(services=tuple(ServiceAt(**service) for service in services), **said)  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _path(places: Places) -> Path:
    return places.root / "run" / "services.json"
