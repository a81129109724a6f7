"""DICOM objects that wait."""

from __future__ import annotations

from collections import Counter

from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import studies

SLOW_S = 3600.0
"""An object that is still not graded after this time stands out."""


def imaging(look: Look) -> list[Row]:
    """One row: objects that are held, and those that are to be graded. None where no way in is set and nothing waits."""
    with look.transaction() as tx:
        backlog = studies.backlog(tx)
        held = studies.held(tx) if backlog.held else []
    if not backlog.held and not backlog.open and not look.settings.takes_dicom:
        return []
    figures: Figures = {"held": backlog.held, "open": backlog.open}
    reasons = Counter(study.reason for study in held)
    figures |= {f"held_{reason}": count for reason, count in sorted(reasons.items())}
    if backlog.oldest_held_us is not None:
        said = f"{backlog.held} held: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        remedy = "`wince dicom held` lists them, `wince dicom resolve` says whose they are"
        age_s = look.age_s(backlog.oldest_held_us)
        return [Row("imaging", "objects", State.BAD, said, age_s, "a person must say whose they are", remedy, figures)]
    if backlog.oldest_open_us is not None and look.age_s(backlog.oldest_open_us) > SLOW_S:
        said, remedy = f"{backlog.open} wait to be graded", "does `wince serve imaging` run, and keep up?"
        return [Row("imaging", "objects", State.WARNING, said, look.age_s(backlog.oldest_open_us), "not graded yet", remedy, figures)]
    return [Row("imaging", "objects", State.OK, f"{backlog.open} to be graded" if backlog.open else "nothing waits", figures=figures)]
