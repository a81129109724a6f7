"""Which camera specs can be read at all, and why a camera can't be."""

from __future__ import annotations

from wince.domain.camera import CameraSpec
from wince.errors import ConfigError, WinceError
from wince.pipeline.capture import address


def check(spec: CameraSpec) -> None:
    """Raises ConfigError, which names the field."""
    if not 0 < len(spec.source) <= 256:
        raise ConfigError("must have 1 to 256 characters", field="source", remedy="name the camera")
    if spec.uri and "://" in spec.uri:
        address.check(spec.uri, "uri")
    if not 0 <= spec.rate_hz <= 30:
        raise ConfigError("must be 0 (the protocol's) to 30", field="frames_per_second", remedy="5 is usual")
    if spec.rotation not in (0, 90, 180, 270):
        raise ConfigError("must be 0, 90, 180 or 270", field="rotation", remedy="degrees clockwise that turn the picture upright")
    if spec.region is not None:
        x0, y0, x1, y1 = spec.region
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
            raise ConfigError("needs 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1", field="region", remedy="shares of the picture")


def words(error: BaseException) -> str:
    """What a person is told; no text of a foreign exception."""
    return error.message if isinstance(error, WinceError) else type(error).__name__
