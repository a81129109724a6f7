"""The models: whether every file that the protocol needs is there and is the one that was locked."""

from __future__ import annotations

from wince.errors import WinceError
from wince.models import fetch, lock
from wince.serve import protocols
from wince.serve.status.interface import Figures, Look, Row, State


def models(look: Look) -> list[Row]:
    """One row."""
    folder = look.settings.models_dir
    try:
        needed = {*lock.FACE_MODELS, *protocols.default(look.settings).estimate.models}
    except WinceError:  # the installation's row says it
        needed = {*lock.FACE_MODELS}
    wanted = [name for name in lock.load() if name in needed]
    missing = [name for name in wanted if not fetch.cached(name, folder)]
    figures: Figures = {"needed": len(wanted), "missing": len(missing), "folder": str(folder)}
    if missing:
        remedy = "`wince models fetch` once, with a package registry in reach"
        return [Row("models", "files", State.BAD, f"in {folder}", reason=f"missing: {', '.join(missing)}", remedy=remedy, figures=figures)]
    return [Row("models", "files", State.OK, f"{len(wanted)} verified in {folder}", figures=figures)]
