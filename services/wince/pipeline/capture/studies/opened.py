"""A kept object as a source on the road."""

from __future__ import annotations

from pathlib import Path

from wince.dicom.scp.tables import VIDEO_SYNTAXES
from wince.domain.study import StudyFacts
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.studies import header, stream
from wince.pipeline.capture.studies.pictures import PictureSource


class OpenedStudy:
    """An object whose pictures can be gone through more than once, each time from a moment on. A context manager; what it writes beside
    the object (its video as a file) goes with it."""

    def __init__(self, path: Path, facts: StudyFacts, folder: Path) -> None:
        """`folder`: where a video is written to. Raises MediaError, MessageError (the object can't be read), OSError."""
        self._path, self._facts, self._header = path, facts, header.read(path)
        self._written = [folder / f"{path.name}.{kind}.incoming" for kind in ("stream", "avi")]
        self._video: Path | None = None
        if facts.syntax in VIDEO_SYNTAXES:
            try:
                stream.join(path, self._header, self._written[0])
                self._video = stream.timed(self._written[0], facts.syntax, facts.rate_hz, self._written[1])
            except BaseException:
                self.close()
                raise

    def source(self, name: str, *, rate_hz: float, origin_us: int, from_us: int) -> FileSource | PictureSource:
        """Frames and beats from a moment on; see `FileSource` and `PictureSource` for what it raises."""
        if self._video is not None:
            return FileSource(self._video, name, rate_hz=rate_hz, origin_us=origin_us, from_us=from_us)
        count, facts = self._facts.frames, self._facts
        picture_hz = None if count == 1 else facts.rate_hz
        return PictureSource(
            self._path, self._header, name, count=count, picture_hz=picture_hz, rate_hz=rate_hz, origin_us=origin_us, from_us=from_us
        )

    def close(self) -> None:
        """Delete what was written. Idempotent."""
        for path in self._written:
            path.unlink(missing_ok=True)

    def __enter__(self) -> OpenedStudy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
