"""Capture's port: where pictures come from."""

from collections.abc import Iterator
from typing import Protocol

from wince.domain.frame import Beat, Frame


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
