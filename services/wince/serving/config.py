"""What can be set of the served ensemble: the section `[serving]`."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from wince import plain_file
from wince.errors import ConfigError

TORCHSERVE = "org.pytorch.serve.grpc.openinference"
"""Where TorchServe has the Open Inference Protocol; the standard's is "inference"."""


class ServingSettings(BaseModel):
    """Where a protocol's ensemble is asked. Without `target` it runs in the process, from the same files to the same numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str | None = Field(default=None, examples=["127.0.0.1:7070"], pattern=r"^[^:/\s]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")
    """HOST:PORT of a server of the Open Inference Protocol (gRPC), such as TorchServe. Not set: the models run in the process."""
    manifest: Path | None = Field(default=None, examples=["/etc/wince/manifest.json"])
    """JSON file that `wince lab pack` wrote: the version that must answer."""
    prefix: str = Field(default=TORCHSERVE, pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")
    """Package of the gRPC service. The default is TorchServe's; Triton, KServe and OpenVINO Model Server have "inference"."""
    ca_file: Path | None = Field(default=None, examples=["/etc/wince/hospital-ca.pem"])
    """Authorities (PEM) whose certificates are believed. Not set: no TLS, and only a server on this machine."""
    insecure_target_beyond_loopback: bool = False
    """Send pictures of faces to another machine without TLS. Everybody on the network can then see them."""
    deadline_s: float = Field(default=8.0, gt=0, le=60)
    """Longest time of a call, its second try included."""
    rate_hz: float | None = Field(default=None, gt=0, le=60, examples=[5.0])
    """Most faces a second of one camera that are sent, key frames first. The rest counts as late. Not set: what the protocol samples."""
    budget_s: float = Field(default=5.0, gt=0, le=60)
    """How long one batch may keep the server busy, at the speed that it has. The rest of it counts as late, from all cameras alike."""
    python: Path | None = Field(default=None, examples=["/opt/wince/.venv-serving/bin/python"])
    """Python of the environment that holds TorchServe, where `wince up` starts it. Not set: .venv-serving in the working folder."""


def read(path: Path | None, field: str, limit: int = 1 << 20) -> bytes:
    """A file that a setting names. Raises ConfigError."""
    try:
        if path is None:
            raise ConfigError("is not set", field=field, remedy="name the file")
        return plain_file.read(path, limit)
    except OSError as error:
        raise ConfigError(error.strerror or "can't be read", field=f"{field}={path}", remedy="name a readable file") from None
