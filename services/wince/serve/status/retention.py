"""Retention: whether what is older than the limits is erased. A timer of the site's has to run `wince retention run`."""

from __future__ import annotations

from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import watched

LATE_S = 2 * 86_400
"""It is run once a day."""


def retention(look: Look) -> list[Row]:
    """One row."""
    if not look.settings.retention_limits:
        return [Row("retention", "retention", State.OK, "no limit is set: everything is kept", figures={"ran_s": None})]
    with look.transaction() as tx:
        age_s = watched.retention(tx)
    figures: Figures = {"ran_s": age_s}
    if age_s is None or age_s <= LATE_S:
        return [Row("retention", "retention", State.OK, "it is run", age_s, figures=figures)]
    remedy = "run `wince retention run`, and have a timer run it once a day"
    reason = "it has not run for more than two days: data is kept beyond its limit"
    return [Row("retention", "retention", State.WARNING, "limits are set", age_s, reason, remedy, figures)]
