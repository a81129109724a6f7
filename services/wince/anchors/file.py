"""A file on another host, by a mount (NFS, SMB, a device that takes only appends).

Only ever appended to and synced, never opened to be changed. It keeps what it holds against this host only if the other host sees to that:
`chattr +a FILE` there, or a file system that has snapshots this host can't remove.
"""

from __future__ import annotations

import os
from pathlib import Path

from wince.domain.audit import Checkpoint, Witness
from wince.errors import ResourceError
from wince.store import checkpoint_file


class FilePlace:
    """A file of checkpoints, of the same form as record's own."""

    kind = "file"

    def __init__(self, file: Path, every_s: float, beside: Path) -> None:
        """`beside`: the installation's own folder, which should lie on another file system."""
        self._file, self._beside = file, beside
        self.name = f"file {file}"
        self.every_s = every_s
        self._kept = False
        """Whether it was seen to hold something."""

    def put(self, point: Checkpoint, key: str) -> None:
        """See Place.put."""
        self._folder()
        there = checkpoint_file.newest(self._file)
        if there is None and self._kept:
            remedy = "is the other host's folder mounted? Nothing is begun in its place"
            raise ResourceError("is not there any more", field=f"anchor_file={self._file}", remedy=remedy)
        if there != point:
            checkpoint_file.append(self._file, point, key)
        self._kept = True

    def witnesses(self) -> list[Witness]:
        """See Place.witnesses."""
        self._folder()
        points = checkpoint_file.read(self._file)
        self._kept = self._kept or bool(points)
        return [Witness(point.seq, point.head, self.name, point.at) for point in points]

    def probe(self) -> str:
        """See Place.probe."""
        folder = self._folder()
        target = self._file if self._file.exists() else folder
        if not os.access(target, os.W_OK):
            raise ResourceError(
                "can't be appended to", field=f"anchor_file={self._file}", remedy="give the user of record the right to append"
            )
        where = "on the installation's own file system" if self.is_near() else "on another file system"
        return f"{len(self.witnesses())} checkpoints, {where}"

    def is_near(self) -> bool:
        """Whether it lies on the file system of the installation: that is no second place."""
        return os.path.exists(self._beside) and os.stat(self._folder()).st_dev == os.stat(self._beside).st_dev

    def _folder(self) -> Path:
        """Never made: where a mount is missing, what is written would lie on this host."""
        folder = self._file.parent
        if not folder.is_dir():
            raise ResourceError("its folder is not there", field=f"anchor_file={self._file}", remedy="is the other host's folder mounted?")
        return folder
