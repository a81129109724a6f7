"""From watches and stays to what grade is told: who is in a camera's bed from which moment on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wince.domain.stay import Occupancy, Stay, Watch


def occupancies(
    source: str, watches: Sequence[Watch], stays: Callable[[str, int, int | None], Sequence[Stay]], from_us: int
) -> list[Occupancy]:
    """The source's occupancy at `from_us` and every change after it, by time.

    `stays(bed, start_us, end_us)`: believed stays of a bed, as Census.stays. What is answered replaces whatever was said before
    about times from `from_us` on. Two encounters in the bed at once: no stay, ambiguous.
    """
    mine = [watch for watch in watches if watch.source == source and (watch.end_us is None or watch.end_us > from_us)]
    there = {watch.bed: list(stays(watch.bed, from_us, None)) for watch in mine}
    cuts = {from_us}
    for watch in mine:
        cuts |= {watch.start_us, from_us if watch.end_us is None else watch.end_us}
        for stay in there[watch.bed]:
            cuts |= {stay.start_us, from_us if stay.end_us is None else stay.end_us}
    found: list[Occupancy] = []
    for at_us in sorted(cut for cut in cuts if cut >= from_us):
        beds = [watch.bed for watch in mine if _covers(watch.start_us, watch.end_us, at_us)]
        lying = [stay for bed in beds for stay in there[bed] if _covers(stay.start_us, stay.end_us, at_us)]
        now = Occupancy(source, at_us, lying[0] if len(lying) == 1 else None, ambiguous=len(lying) > 1)
        if not found or (found[-1].stay, found[-1].ambiguous) != (now.stay, now.ambiguous):
            found.append(now)
    return found


def _covers(start_us: int, end_us: int | None, at_us: int) -> bool:
    return start_us <= at_us and (end_us is None or at_us < end_us)
