"""Who is believed to lie where at a moment, for a person who asks: stays, and of which beds that is not sure."""

from __future__ import annotations

from dataclasses import dataclass

from wince.domain.stay import Stay
from wince.domain.trust import InDoubt
from wince.store import trust
from wince.store.database import Tx
from wince.store.stays import lying_at


@dataclass(frozen=True, slots=True)
class BedView:
    """One believed stay. PHI."""

    stay: Stay
    doubts: tuple[InDoubt, ...]
    """Why it is not sure; empty: it is believed."""
    others: int
    """Other visits that are believed in the bed: above 0 nothing is charted."""


def at_moment(tx: Tx, at_us: int, *, bed: str = "", ward: str = "") -> list[BedView]:
    """Believed stays of a moment, by bed; `bed`, `ward`: only those (empty: all)."""
    stays = [one for one in lying_at(tx, at_us) if bed in ("", one.bed) and ward in ("", one.ward)]
    doubts = trust.in_doubt(tx, at_us)
    return [
        BedView(one, tuple(two for two in doubts if two.bed == one.bed), len({two.encounter for two in stays if two.bed == one.bed}) - 1)
        for one in stays
    ]
