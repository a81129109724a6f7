"""The record: whether it is in line with who lies where, and cameras whose messages can't be written."""

from __future__ import annotations

from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import asides


def record(look: Look) -> list[Row]:
    """A row for what waits to be looked at again, and one for each camera that is set aside."""
    with look.transaction() as tx:
        aside = asides.listed(tx)
        found = tx.execute(
            "SELECT count(*), count(*) FILTER (WHERE failures > 0), max(error) FILTER (WHERE failures > 0) FROM review"
        ).fetchone()
    waiting, failed, error = found or (0, 0, "")
    figures: Figures = {"waiting": waiting, "failed": failed}
    rows = [Row("record", "census", State.OK, f"{waiting} to be looked at again", None, figures=figures)]
    if failed:
        remedy = "put right what it names; record tries again by itself, at most every 15 minutes"
        said = f"{failed} cameras are not in line with who lies where"
        rows = [Row("record", "census", State.BAD, said, None, str(error), remedy, figures)]
    for one in aside:
        figures = {"messages": one.messages, "failures": one.failures}
        said = f"{one.messages} messages are set aside; others go on"
        remedy = f"put right what it names, then `wince outbox aside --retry {one.source}`; it is also tried by itself"
        rows.append(Row("record", one.source, State.BAD, said, one.age_s, one.error, remedy, figures))
    return rows
