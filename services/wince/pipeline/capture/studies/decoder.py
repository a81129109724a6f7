"""Has pictures decoded by a process beside: what ends or stops that one costs a picture, not the service."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from wince.errors import ResourceError
from wince.telemetry import logs

log = logs.get(__name__)

PICTURE_S = 60.0
"""Longest time of one picture, with the start of the process before the first."""
ENDS = 3
"""After so many processes that a picture ended, an object's further pictures are not tried."""
_HEAD = 32
"""Longest first line of an answer."""


class PictureDecoder:
    """Pictures of one object. A context manager: the process is started with the first picture, and is gone at the end."""

    def __init__(self, path: Path, side: int) -> None:
        """`side`: longest side of a picture that is given, pixels."""
        self._path, self._side = path, side
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = 0

    def picture(self, index: int) -> NDArray[np.uint8] | None:
        """(h, w, 3) uint8 RGB; None where it can't be decoded. Raises ResourceError where no process can be started."""
        if self._ended >= ENDS:
            return None
        process = self._process or self._start()
        try:
            return self._asked(process, index)
        except (EOFError, BrokenPipeError, ValueError, TimeoutError) as error:
            log.warning("decoding a picture ended its process", error=error)
            self._ended += 1
            self.close()
            return None

    def close(self) -> None:
        """End the process. Idempotent."""
        if (process := self._process) is not None:
            self._process = None
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "wince.pipeline.capture.studies.decoding", str(self._path), str(self._side)]
        try:
            # Without what our own environment holds: it may be secrets, and what runs there is fed by strangers.
            plain = {name: value for name, value in os.environ.items() if not name.startswith(("WINCE_", "PG"))}
            self._process = subprocess.Popen(
                command, env=plain, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
            )
        except OSError as error:
            raise ResourceError(error.strerror or "can't be started", field="decoder", remedy="see the limits of this account") from None
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], index: int) -> NDArray[np.uint8] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        until = time.monotonic() + PICTURE_S
        process.stdin.write(b"%d\n" % index)
        head = b""
        while not head.endswith(b"\n") and len(head) < _HEAD:
            head += _read(process.stdout, 1, until)
        rows, columns = map(int, head.split())
        if not rows:
            return None
        if not (0 < rows <= self._side and 0 < columns <= self._side):
            raise ValueError
        pieces, left = [], rows * columns * 3
        while left:
            content = _read(process.stdout, left, until)
            pieces.append(content)
            left -= len(content)
        return np.frombuffer(bytearray(b"".join(pieces)), np.uint8).reshape(rows, columns, 3)


def _read(stream: IO[bytes], most: int, until: float) -> bytes:
    """Some bytes. Raises EOFError, TimeoutError."""
    ready, _, _ = select.select([stream], [], [], max(0.0, until - time.monotonic()))
    if not ready:
        raise TimeoutError
    content = os.read(stream.fileno(), min(most, 1 << 20))
    if not content:
        raise EOFError
    return content
