"""Second places of checkpoints: what each took last, and what none of its checkpoints covers. From the database: no place is asked."""

from __future__ import annotations

from wince.anchors import compare
from wince.anchors.interface import Place
from wince.serve import anchors as set_up
from wince.serve.status.interface import Look, Row, State

PATIENCE = 3
"""Turns that a place may lack before a row says so."""
_REMEDY = "record's log says why; `wince doctor` tries the place. Nothing is lost meanwhile: the newest checkpoint is sent when it can be"


def anchors(look: Look) -> list[Row]:
    """A row for each place that is set; none where none is."""
    places = set_up.places(look.settings)
    if not places:
        return []
    with look.transaction() as tx:
        said = {one.place: one for one in compare.sent(tx)}
        return [
            _row(look, place, said.get(place.name), *compare.behind(tx, one.seq if (one := said.get(place.name)) else 0))
            for place in places
        ]


def _row(look: Look, place: Place, sent: compare.Sent | None, links: int, oldest_s: float) -> Row:
    seq = sent.seq if sent else 0
    text = f"{place.name}: up to row {seq}, {links} behind it" if seq else f"{place.name}: nothing sent yet, {links} links wait"
    age_s = look.age_s(sent.at_us) if sent and sent.at_us else None
    figures = {"sent": seq, "unsent": links, "unsent_oldest_s": oldest_s}
    if sent is not None and sent.failed_us is not None:
        reason = f"nothing can be sent for {look.age_s(sent.failed_us):.0f} s: {sent.error}"
        return Row("anchors", place.kind, State.BAD, text, age_s, reason, _REMEDY, figures)
    if links and oldest_s > PATIENCE * place.every_s + 300:
        reason = f"links of {oldest_s:.0f} s ago are not witnessed there"
        return Row("anchors", place.kind, State.WARNING, text, age_s, reason, "does record run? " + _REMEDY, figures)
    return Row("anchors", place.kind, State.OK, text, age_s, figures=figures)
