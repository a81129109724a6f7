"""Who lay before one camera, as one list of stretches: what `binding.who_during` answers, for thousands of windows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from wince.domain.binding import Doubt, edges, who
from wince.domain.reason import Reason
from wince.domain.stay import Stay, Watch

EVER_US = 1 << 61
"""Later than anything that is known."""


class Timeline:
    """Of one source, as known at `as_of_us`. Made once; `during` takes the logarithm of the number of stretches."""

    def __init__(
        self, watches: Sequence[Watch], stays: Sequence[Stay], source: str, doubts: Sequence[Doubt] = (), as_of_us: int = EVER_US
    ) -> None:
        mine = [watch for watch in watches if watch.source == source]
        beds = {watch.bed for watch in mine}
        lying = [stay for stay in stays if stay.bed in beds]
        doubted = [doubt for doubt in doubts if doubt.bed == "" or doubt.bed in beds]
        self._starts: list[int] = []
        self._found: list[Stay | Reason] = []
        for at in sorted(edges(mine, lying, source, doubted)):
            self._starts.append(at)
            self._found.append(who(mine, lying, source, at, as_of_us, doubted))

    def during(self, start_us: int, end_us: int) -> Stay | Reason:
        """See `binding.who_during`."""
        first = bisect_right(self._starts, start_us) - 1
        found: list[Stay | Reason] = [self._found[first] if first >= 0 else Reason.NO_PATIENT]
        for place in range(first + 1, len(self._starts)):
            if self._starts[place] >= end_us:
                break
            found.append(self._found[place])
        for reason in (Reason.TWO_PATIENTS, Reason.DOUBTFUL):
            if reason in found:
                return reason
        begin = found[0]
        if isinstance(begin, Reason):
            return begin
        return begin if all(isinstance(one, Stay) and lies(one) == lies(begin) for one in found) else Reason.NO_PATIENT

    def stays(self) -> list[Stay]:
        """Whoever lay there alone for some time."""
        return [found for found in self._found if isinstance(found, Stay)]


def lies(stay: Stay) -> tuple[object, ...]:
    """Who lies where: equal for two rows of one person, visit and bed, whatever their ids and times."""
    return stay.patient, stay.encounter, stay.bed
