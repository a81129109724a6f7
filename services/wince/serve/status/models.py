"""The models: whether every file that the protocols need is there and is the one that was locked."""

from __future__ import annotations

from wince.serve.checks import models as check
from wince.serve.status.interface import Figures, Look, Row, State


def models(look: Look) -> list[Row]:
    """One row."""
    folder = look.settings.models_dir
    needed, absent = check.look(look.settings)
    figures: Figures = {"needed": needed, "missing": len(absent), "folder": str(folder)}
    if absent:
        reason = f"missing: {', '.join(absent)}"
        return [Row("models", "files", State.BAD, f"in {folder}", reason=reason, remedy=check.REMEDY, figures=figures)]
    return [Row("models", "files", State.OK, f"{needed} verified in {folder}", figures=figures)]
