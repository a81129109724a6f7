"""Capture's ports: where pictures come from, and who says which cameras are read."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from wince.domain.camera import CameraSpec, CameraStatus
from wince.domain.frame import Beat, Frame
from wince.errors import ConfigError, Refused


class Source(Protocol):
    """Frames and beats of one camera or file, in order of time.

    Iterating may block until the next frame or beat is due; it never blocks for more than a beat (1 s) on a live
    camera. A frame's `time_us` is below that of the next beat. After a beat with `ended` the iterator stops.
    Raises MediaError where the input can't be used at all (before the first message); what breaks later ends the
    source with a beat that carries the reason.
    """

    source: str

    def __iter__(self) -> Iterator[Frame | Beat]: ...

    def close(self) -> None:
        """Release decoder and file. May be called from another thread; the iterator then ends."""
        ...


class UnknownCamera(ConfigError):
    """No camera of that id is known here (gRPC: NOT_FOUND)."""


class CameraExists(ConfigError):
    """The camera runs already, with other settings (gRPC: ALREADY_EXISTS)."""


class CameraTaken(Refused):
    """Another replica owns the camera, or another client pushes it; try another replica, or later (gRPC: FAILED_PRECONDITION)."""


class CameraControl(Protocol):
    """The cameras of this replica. Thread-safe. `start` and `stop` may block for seconds (database, a reader that ends);
    `cameras` does not block."""

    def start(self, spec: CameraSpec) -> CameraStatus:
        """Read a camera; a running one with the same spec: nothing is done.

        Raises ConfigError (a setting is wrong; `field` names it), CameraExists, CameraTaken, Unavailable (database).
        """
        ...

    def stop(self, source: str) -> CameraStatus:
        """Stop reading it; its last message is a beat with `ended`. Raises UnknownCamera."""
        ...

    def cameras(self) -> Sequence[CameraStatus]:
        """All cameras that this replica knows, by source."""
        ...


class Push(Protocol):
    """One client's push of one camera. Not thread-safe; `close` when the client is gone."""

    accepted: int
    """Frames taken since the push began."""
    dropped: int
    """Frames dropped since the push began: overload (the oldest first), or too late to be counted in their second."""

    def push(self, frame: Frame) -> None:
        """Take a frame; never blocks. `sequence` and `time_us` must rise, and `time_us` lie within a minute of now.

        Raises MessageError, naming the field, where they don't or the source is another; CameraTaken where the camera was
        stopped, or another replica took it.
        """
        ...

    def close(self) -> None:
        """The client is gone; the camera's beats go on with NO_FRAME. Idempotent."""
        ...


class FrameSink(Protocol):
    """Takes pushed frames in. Thread-safe."""

    def open_push(self, source: str) -> Push:
        """Begin to push a camera. May block for seconds (database).

        Raises UnknownCamera, CameraTaken (another client pushes it, or another replica owns it), ConfigError (it is read, not pushed).
        """
        ...
