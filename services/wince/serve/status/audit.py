"""The audit trail: how long it is, and how old its last signed checkpoint is. `wince audit verify` reads all of it."""

from __future__ import annotations

from wince.domain.audit import CHECKPOINT, CUT, Checkpoint
from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import checkpoint_file

LATE_S = 300.0
"""Record signs at least once a minute while anything happens."""


def audit(look: Look) -> list[Row]:
    """One row."""
    with look.transaction() as tx:
        said = checkpoint_file.chain_checkpoints(tx, look.places.checkpoints)  # before the file: each stands there before the chain says so
    points = checkpoint_file.read(look.places.checkpoints)  # before the rows: what is appended meanwhile is covered by none of them
    lacking = checkpoint_file.missing(look.places.checkpoints, points, said)
    with look.transaction() as tx:
        last = max(points, key=lambda point: point.seq, default=None)
        rows = tx.execute("SELECT coalesce(max(seq), 0) FROM audit").fetchone()
        # What only says that a checkpoint was written waits for no other one.
        tail = tx.execute(
            "SELECT count(*), extract(epoch FROM now() - min(at_utc)::timestamptz)::float8 FROM audit WHERE seq > %s AND event <> %s",
            (last.seq if last else 0, CHECKPOINT),
        ).fetchone()
        age = tx.execute("SELECT extract(epoch FROM now() - %s::timestamptz)::float8", (last.at,)).fetchone() if last else None
    count, (uncovered, oldest_s) = rows[0] if rows else 0, tail or (0, None)
    return [_row(look, count, last, lacking, uncovered, oldest_s or 0.0, float(age[0]) if age else None)]


def _row(look: Look, count: int, last: Checkpoint | None, lacking: int, uncovered: int, uncovered_s: float, age_s: float | None) -> Row:
    """`lacking`: row of a checkpoint that the chain speaks of and that does not stand in the file; 0: none."""
    covered = last.seq if last else 0
    figures: Figures = {"rows": count, "covered": covered, "uncovered": uncovered, "checkpoint_age_s": age_s}
    said = f"{count} rows, {uncovered} behind the last checkpoint"
    if covered > count:
        reason = f"checkpoint {covered} lies beyond its end: rows were cut off"
        return Row("audit", "trail", State.BAD, said, age_s, reason, CUT, figures)
    if last is None and count and look.settings.pg_dsn is not None and look.settings.checkpoint_file is None:
        where = str(look.places.checkpoints)
        remedy = "copy record's checkpoints here, and name them in WINCE_CHECKPOINT_FILE"
        return Row("audit", "trail", State.UNKNOWN, said, None, f"no checkpoints in {where}", remedy, figures)
    if lacking:
        remedy = f"bring {look.places.checkpoints} back from its copy, run `wince audit verify`, call the person in charge of security"
        reason = f"the chain speaks of a checkpoint of row {lacking}, which does not stand here"
        return Row("audit", "trail", State.BAD, said, age_s, reason, remedy, figures)
    if uncovered and uncovered_s > LATE_S:
        remedy = f"does record run, and can it write {look.places.checkpoints}? It signs while it runs, and when it ends"
        return Row("audit", "trail", State.WARNING, said, age_s, f"rows of {uncovered_s:.0f} s ago are not signed", remedy, figures)
    return Row("audit", "trail", State.OK, said, age_s, figures=figures)
