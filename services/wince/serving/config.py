"""What can be set of the served ensemble: the section `[serving]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from wince.errors import ConfigError

TORCHSERVE = "org.pytorch.serve.grpc.openinference"
"""Where TorchServe has the Open Inference Protocol; the standard's is "inference"."""


class ServingSettings(BaseModel):
    """Where a protocol's ensemble is asked. Without `target` it runs in the process, from the same files to the same numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str | None = Field(default=None, pattern=r"^[^:/\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")
    """HOST:PORT of a server of the Open Inference Protocol (gRPC); absent: the ensemble runs in the process."""
    manifest: Path | None = None
    """The JSON file that `wince lab pack` wrote: the version that must answer."""
    prefix: str = Field(default=TORCHSERVE, pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")
    """Package of the service: TorchServe's own; "inference" for Triton, KServe, OpenVINO Model Server."""
    ca_file: Path | None = None
    """Whose certificates are believed, PEM. Absent: no TLS, loopback only."""
    insecure_target_beyond_loopback: bool = False
    """Send pictures of faces over the network although TLS is missing."""
    deadline_s: float = Field(default=8.0, gt=0, le=60)
    """Of a call, its second try included."""
    rate_hz: float | None = Field(default=None, gt=0, le=60)
    """Crops a second of one source at most, key frames first; the rest counts as late. Absent: what its protocol samples."""
    budget_s: float = Field(default=5.0, gt=0, le=60)
    """A batch may keep the server busy for so long at the speed that it has; the rest of it counts as late, sources alike."""
    python: Path | None = None
    """Python of the environment that holds TorchServe, where Wince starts it; absent: .venv-serving in the working folder."""


def read(path: Path | None, field: str, limit: int = 1 << 20) -> bytes:
    """A file that a setting names. Raises ConfigError."""
    try:
        if path is None:
            raise ConfigError("is not set", field=field, remedy="name the file")
        if path.stat().st_size > limit:
            raise ConfigError(f"larger than {limit} bytes", field=f"{field}={path}", remedy="name another file")
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={path}", remedy="name a readable file") from None
