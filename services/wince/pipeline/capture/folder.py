"""Which files of a folder can be watched, and opening one by what it holds, not by what it is called."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from wince.errors import MediaError, WinceError
from wince.pipeline.capture.animation.film import Film
from wince.pipeline.capture.animation.source import HELD_US, AnimationSource
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.kinds import Kind, begins_like_a_picture, kind_of
from wince.pipeline.capture.media import MediaLimits, file_id, open_video, reading
from wince.pipeline.capture.still import StillSource, read_still


@dataclass(frozen=True, slots=True)
class Found:
    """One file that was looked at."""

    path: Path
    still: bool
    """A picture; else a video or an animation (or neither, see `problem`)."""
    problem: WinceError | None
    """Why it can't be used; None: it can be opened."""


def find(paths: Sequence[Path | str], limits: MediaLimits | None = None) -> list[Found]:
    """Look at files and, recursively, at folders; nothing is left out silently.

    Sorted by name within each of `paths`, a folder's files before its subfolders; a file that is reached twice comes
    once. Only names that begin with a dot are passed over inside folders; links to folders are reported, not followed.
    Every file is opened: its header is read (a video's), or it is decoded (a picture's).
    """
    limits = limits or MediaLimits()
    found: dict[Path, Found] = {}
    for path in map(Path, paths):
        for candidate, problem in files(path) if path.is_dir() else [(path, None)]:
            key = candidate.resolve()
            if key not in found:
                found[key] = _examine(candidate, limits) if problem is None else Found(candidate, still=False, problem=problem)
    return list(found.values())


def open_source(
    path: Path | str,
    source: str | None = None,
    *,
    rate_hz: float,
    origin_us: int = 0,
    from_us: int = 0,
    rotation: int = 0,
    limits: MediaLimits | None = None,
    pages_hz: float | None = None,
    held: bool = True,
) -> FileSource | StillSource | AnimationSource:
    """A video, picture or animation as a source, told apart by what it holds.

    `source` None: the sha256 of the file (`file_id`). `pages_hz`: pages a second of a file with several pages (TIFF); None: such a file
    is refused. `held`: sample a picture of an animation again while it is shown (`AnimationSource`). The other arguments and the errors
    are those of `FileSource`.
    """
    path, limits = Path(path), limits or MediaLimits()
    found = kind_of(path, limits, pages_hz=pages_hz)
    name = file_id(path) if source is None else source
    if not isinstance(found, Kind):
        return AnimationSource(
            path, name, found, rate_hz=rate_hz, origin_us=origin_us, from_us=from_us, rotation=rotation, limits=limits,
            held_us=HELD_US if held else 0,
        )  # fmt: skip
    kind: type[FileSource | StillSource] = StillSource if found is Kind.STILL else FileSource
    return kind(path, name, rate_hz=rate_hz, origin_us=origin_us, from_us=from_us, rotation=rotation, limits=limits)


def is_still(path: Path, limits: MediaLimits) -> bool:
    """Is the file one picture? Raises MediaError or ResourceError where it can't be read, or holds several pictures without time."""
    return kind_of(path, limits) is Kind.STILL


def _examine(path: Path, limits: MediaLimits) -> Found:
    still = False
    try:
        still = begins_like_a_picture(path, limits)
        found: Kind | Film = kind_of(path, limits)
        still = found is Kind.STILL
        if still:
            read_still(path, limits)
        elif found is Kind.VIDEO:
            open_video(path, limits).container.close()
    except WinceError as error:
        return Found(path, still, error)
    return Found(path, still, None)


def files(folder: Path) -> Iterator[tuple[Path, WinceError | None]]:
    """Files below `folder`, unopened, or the reason why a part of it can't be looked at; order and exceptions as in `find`."""
    try:
        with reading(folder):
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except WinceError as error:
        yield folder, error
        return
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in entries:
        if entry.is_dir():
            continue
        yield Path(entry.path), None
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files(Path(entry.path))
        elif entry.is_dir():
            path = Path(entry.path)
            yield path, MediaError("a link to a folder is not followed", field=path, remedy="name the folder itself")
