"""The outbox, by target: what waits, what is held and why, what was refused for good."""

from __future__ import annotations

from collections.abc import Sequence

from wince.delivery import books, readback
from wince.delivery.books import Backlog, Chore, DeadLetter, Hold
from wince.delivery.readback import Difference
from wince.serve.status.interface import Figures, Look, Row, State

LATE_S = 900.0
"""An entry that waits for longer without anybody acting is looked at: the longest backoff is five minutes."""
SHOWN = 5
"""Dead letters of a target that stand in the row's figures."""


def outbox(look: Look) -> list[Row]:
    """One row for each target of which something waits, is held or was refused, one for each hold, one for a target's dead letters."""
    with look.transaction() as tx:
        found = books.backlog(tx)
        letters = {backlog.target: books.dead(tx, backlog.target, limit=SHOWN) for backlog in found if backlog.dead}
        by_hand, unfinished = books.chores(tx), books.unfinished(tx)
        differing = readback.differences(tx)
    rows = [row for backlog in found for row in _rows(look, backlog, letters.get(backlog.target, ()))]
    rows += _chores(
        "by hand", by_hand, "a person has to do at the target", "do it there, then `wince outbox done {0.entry} {0.revision} --by WHO`"
    )
    rows += _chores(
        "beside",
        unfinished,
        "were written, but something beside them was refused",
        "put it right, then `wince outbox replay {0.entry} {0.revision}`",
    )
    rows += [row for target in sorted({item.target for item in differing}) for row in _differing(target, differing)]
    return rows or [Row("outbox", "outbox", State.OK, "nothing waits, nothing is held, nothing was refused")]


def _rows(look: Look, backlog: Backlog, letters: Sequence[DeadLetter]) -> list[Row]:
    waits = backlog.waiting + backlog.leased
    behind = {"its hold": backlog.held, "what is switched off": backlog.off, "dead letters": backlog.stuck}
    said = ", ".join([f"{waits} wait", *(f"{count} behind {what}" for what, count in behind.items() if count)])
    age_s = backlog.oldest_s or None
    figures: Figures = {name: getattr(backlog, name) for name in ("waiting", "leased", "held", "off", "stuck", "dead")}
    late = waits and backlog.oldest_s > LATE_S and backlog.hold is None
    reason, remedy = ("the target takes nothing", "does it answer? look at record's log") if late else ("", "")
    rows = [Row("outbox", backlog.target, State.WARNING if late else State.OK, said, age_s, reason, remedy, figures)]
    return rows + _hold(look, backlog.target, backlog.hold) + _dead(backlog.target, backlog.dead, letters)


def _hold(look: Look, target: str, hold: Hold | None) -> list[Row]:
    if hold is None:
        return []
    figures: Figures = {"probes": hold.probes, "next_probe_s": max(0.0, (hold.next_probe_us - look.now_us) / 1e6)}
    return [Row("outbox", f"{target} hold", State.BAD, "held", look.age_s(hold.since_us), hold.detail, hold.remedy, figures)]


def _dead(target: str, count: int, letters: Sequence[DeadLetter]) -> list[Row]:
    if not count:
        return []
    first = letters[0]
    figures: Figures = {"dead": count}
    figures |= {f"letter_{number}": f"{letter.entry}/{letter.revision}: {letter.detail}" for number, letter in enumerate(letters, 1)}
    remedy = f"put it right at the target, then `wince outbox replay {first.entry} {first.revision}`; `wince outbox list` has all"
    return [Row("outbox", f"{target} dead letters", State.BAD, f"{count} were refused for good", None, first.detail, remedy, figures)]


def _chores(what: str, chores: Sequence[Chore], said: str, remedy: str) -> list[Row]:
    rows = []
    for target in sorted({one.target for one in chores}):
        mine = [one for one in chores if one.target == target]
        advice = remedy.format(mine[0]) + "; `wince outbox list` has all"
        figures: Figures = {"count": len(mine)}
        rows.append(Row("outbox", f"{target} {what}", State.BAD, f"{len(mine)} {said}", None, mine[0].detail, advice, figures))
    return rows


def _differing(target: str, differing: Sequence[Difference]) -> list[Row]:
    of_target = [item for item in differing if item.target == target]
    first = of_target[0]
    what = first.differs or "it is gone"
    remedy = f"see who changed it there, then `wince audit show {first.entry}`; `wince ehr readback` looks again"
    said = f"{len(of_target)} read back otherwise than written"
    return [Row("outbox", f"{target} chart", State.BAD, said, None, f"{first.entry}: {what}", remedy, {"differs": len(of_target)})]


def written(look: Look) -> list[Row]:
    """One row for each target: what it holds of ours. Counts the whole outbox, so it is for a person who watches one machine."""
    with look.transaction() as tx:
        found = tx.execute("SELECT target, count(*) FROM outbox WHERE state = 'written' GROUP BY target ORDER BY target").fetchall()
    return [Row("written", target, State.OK, f"{count} written", figures={"written": count}) for target, count in found]
