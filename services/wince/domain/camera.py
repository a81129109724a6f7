"""A camera: how it is read, what it is doing, what it gave."""

from dataclasses import dataclass
from enum import StrEnum

from wince.domain.reason import Reason


class CameraState(StrEnum):
    """What a camera is doing."""

    CONNECTING = "connecting"
    """Being opened, or opened again after a failure."""
    RUNNING = "running"
    """Frames come."""
    STALLED = "stalled"
    """Open, but no frame came for longer than the watchdog allows; a pushed camera: nobody pushes."""
    STOPPED = "stopped"
    """Stopped by request, or the file is over."""
    ELSEWHERE = "elsewhere"
    """Another replica owns it (gRPC: CAMERA_STATE_UNSPECIFIED)."""


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """Which camera is read, and how. Holds no credentials."""

    source: str
    """Camera id, 1 to 256 characters."""
    uri: str
    """rtsp, rtsps, udp, tcp, http or https URL without user name and password, or the path of a file. Empty: frames are pushed."""
    rate_hz: float = 0.0
    """Frames sampled a second, at most 30; 0: the protocol's."""
    rotation: int = 0
    """Degrees clockwise that turn the picture upright: 0, 90, 180, 270."""
    region: tuple[float, float, float, float] | None = None
    """The bed's region in the picture: x0, y0, x1, y1 as shares 0-1; None: the whole picture."""


@dataclass(frozen=True, slots=True)
class CameraActivity:
    """What a camera gave since this replica took it."""

    frames: int = 0
    """Handed on."""
    last_frame_age_us: int | None = None
    """Microseconds since the last of them; None: there was none."""
    rate_hz: float = 0.0
    """Frames a second, mean over the last ten seconds."""
    reason: Reason | None = None
    """Why the last second had no frame; None where it had one, or nothing is known yet."""
    failure: str = ""
    """How the last attempt to connect failed, by kind; empty while frames come."""


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """A camera as it is at one moment."""

    spec: CameraSpec
    state: CameraState
    activity: CameraActivity = CameraActivity()
