"""What taking an object in needs from outside: whose number it names, where its patient lay, and a place for its file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from wince.domain.stay import Identifier
from wince.domain.study import Held, StudyFacts

Identify = Callable[[StudyFacts], Identifier | Held]
"""Whose an object is, by its number and issuer and the site's settings; a reason where that can't be said."""
Begin = Callable[[int, str], int]
"""begin(at_us, bed): the time of the first picture on the grid of windows, at most a window earlier than it was taken."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of objects with a name of its own, which the database knows."""

    folder: Path
    place: UUID
    moving: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)
    """Held while a file is put here, and while one that is nobody's is taken away: the one must not be the other's."""

    @classmethod
    def of(cls, folder: Path) -> Shelf:
        """Made where it is absent. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        named = folder / "place"
        if not named.exists():
            part = folder / f"place.{os.getpid()}"
            part.write_text(str(uuid4()))
            sync(part)
            with suppress(FileExistsError):
                os.link(part, named)
            part.unlink()
            sync(folder)
        return cls(folder, UUID(named.read_text().strip()))

    def file(self, instance: str) -> Path:
        """Where an object lies."""
        return self.folder / f"{instance}.dcm"


def sync(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
