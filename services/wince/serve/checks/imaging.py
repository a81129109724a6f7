"""DICOM in: whether the ways in that are set could start."""

from __future__ import annotations

from collections.abc import Iterator

from wince.errors import WinceError
from wince.serve import imaging
from wince.serve.checks.finding import Finding, failed, missing, ok, warning
from wince.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Nothing is listened on. Nothing is said where no way in is set."""
    if not settings.takes_dicom:
        return
    try:
        imaging.check(settings)
    except WinceError as error:
        yield failed("DICOM in", error)
        return
    folder = settings.dicom_watch_folder
    if folder is not None and not folder.is_dir():
        yield missing("dicom_watch_folder", f"{folder}: no such folder", "make it, for the account of Wince")
    ways = [
        name
        for name, there in (("C-STORE", settings.dicom_port), ("STOW-RS", settings.stow_port), ("watched folder", folder))
        if there is not None
    ]
    if settings.dicom_port is not None and not settings.dicom_peers:
        yield warning("dicom_peers", "empty: everybody on this machine may store", "name the peers: TITLE@HOST")
    yield ok("DICOM in", ", ".join(ways))
