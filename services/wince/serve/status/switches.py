"""What somebody switched off: nobody there is watched until it is switched on again."""

from __future__ import annotations

from wince.domain.withheld import Scope, Switch
from wince.serve.status.interface import Figures, Look, Row, State
from wince.store import withheld
from wince.store.database import Tx

DAY_S = 86_400
_WAITS = (
    "SELECT count(*) FROM outbox WHERE state IN ('ready', 'leased') AND (%s = 'site' OR (%s = 'bed' AND bed = %s)"
    " OR (%s = 'ward' AND split_part(bed, '^', 1) = %s))"
)


def switches(look: Look) -> list[Row]:
    """One row for each switch that is off; one that says so where none is."""
    with look.transaction() as tx:
        found = [(one, _waits(tx, one)) for one in withheld.off(tx)]
    return [_row(look, one, waits) for one, waits in found] or [Row("switches", "switches", State.OK, "nothing is switched off")]


def _waits(tx: Tx, one: Switch) -> int:
    row = tx.execute(_WAITS.encode(), (one.scope.value, one.scope.value, one.name, one.scope.value, one.name)).fetchone()
    return int(row[0]) if row else 0


def _row(look: Look, one: Switch, waits: int) -> Row:
    what = "the site" if one.scope is Scope.SITE else f"{one.scope.value} {one.name}"
    option = "--site" if one.scope is Scope.SITE else f"--{one.scope.value} '{one.name}'"
    figures: Figures = {"scope": one.scope.value, "name": one.name, "by": one.by, "held_back": waits}
    said = f"switched off by {one.by}; {waits} deliveries wait for it"
    remedy = f"where the reason is gone: wince switch on {option} --reason ..."
    age_s = look.age_s(one.off_us)
    reason = f"for more than a day: {one.reason}" if age_s is not None and age_s > DAY_S else one.reason
    return Row("switches", what, State.WARNING, said, age_s, reason, remedy, figures)
