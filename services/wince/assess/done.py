"""What was assessed before, so that a call that is started again goes on where it stopped.

A result is kept under the hash of everything that it depends on: the file's content, the protocol's rules, the models, the reference,
the version of Wince, and whether pictures were kept. It lies in `DIR/.wince` of a report (key frames are patients' pictures: they rest
only where a report was asked for), else, numbers only, in `assess` of the state directory. Neither file names nor paths are kept.
Deleting the folder begins again.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from contextlib import suppress
from pathlib import Path

from wince.assess.result import ClipResult, plain
from wince.errors import ResourceError, StoreError
from wince.report.write_whole import unwritable, write_whole
from wince.version import VERSION

FORMAT = "3"
_DAMAGED = (OSError, EOFError, zlib.error, ValueError, KeyError, IndexError, TypeError, AttributeError, StoreError)
"""What reading a file raises that isn't there, was cut off, or holds something else."""


class Done:
    """Results of earlier calls in one folder."""

    def __init__(self, folder: Path, context: str) -> None:
        """`context`: all but the file's content that a result depends on."""
        self._folder, self._context = folder, context
        self.problem: ResourceError | None = None
        """Why results can't be kept; the next call will compute them again."""

    def get(self, source: str, path: Path) -> ClipResult | None:
        """The result of a file with this content; None: it was not assessed, or what was kept is damaged."""
        try:
            text = gzip.decompress(self._place(source).read_bytes()).decode()
            return plain.restore(text, path, source)
        except _DAMAGED:
            return None

    def put(self, result: ClipResult) -> None:
        """Keep a result that is no error."""
        if result.error or not result.source or self.problem is not None:
            return
        made = [one for one in (self._folder, *self._folder.parents) if not one.exists()]
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._place(result.source), gzip.compress(plain.keep(result).encode(), 1, mtime=0))
        except (ResourceError, OSError) as error:
            self.problem = error if isinstance(error, ResourceError) else unwritable(error, self._folder)
            with suppress(OSError):
                for folder in made:
                    folder.rmdir()

    def key(self, source: str) -> str:
        """sha256 (hex) of all that the result of a file with this content depends on."""
        return hashlib.sha256("|".join((FORMAT, VERSION, source, self._context)).encode()).hexdigest()

    def _place(self, source: str) -> Path:
        return self._folder / f"{self.key(source)}.json.gz"
