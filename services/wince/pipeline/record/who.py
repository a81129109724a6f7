"""Who lay where, as record asks it: the hospital's word as known in a transaction, and whom nothing may be charted of."""

from __future__ import annotations

from wince.domain.binding import bed_of, who_during
from wince.domain.reason import Reason
from wince.domain.stay import Stay
from wince.pipeline.record.effects import Who
from wince.store import stays as store_stays
from wince.store.database import Tx
from wince.store.withheld import withheld


def who_lay(tx: Tx, spans: set[tuple[str, int, int]], as_of_us: int, *, consent_required: bool) -> Who:
    """Bindings for these (source, start, end). OFF where the bed was switched off at some moment of them, CONSENT where its patient had
    not consented."""
    if not spans:
        return lambda source, start_us, end_us: who_during((), (), source, start_us, end_us, as_of_us)
    watches = store_stays.watches(tx, sorted({source for source, _, _ in spans}))
    since_us = min(start for _, start, _ in spans)
    found: list[Stay] = store_stays.believed(tx, sorted({watch.bed for watch in watches}), since_us, max(end for _, _, end in spans))
    # A believed row counts whatever the clocks of hospital and record say.
    latest = max([as_of_us, *(stay.recorded_us for stay in found), *(watch.recorded_us for watch in watches)])
    held = withheld(tx, found, since_us, required=consent_required)

    def who(source: str, start_us: int, end_us: int) -> Stay | Reason:
        watch = bed_of(watches, source, start_us, latest)
        if watch is not None and held.off(watch.bed, start_us, end_us):
            return Reason.OFF
        lay = who_during(watches, found, source, start_us, end_us, latest)
        return (held.during(lay, start_us, end_us) or lay) if isinstance(lay, Stay) else lay

    return who
