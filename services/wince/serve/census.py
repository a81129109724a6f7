"""The census of the hospital service, looked at every few seconds: whether who lies where may be believed, and, every hour, whether a list
from outside says the same.

Replicas do it one at a time, by locks in the database, and what one of them has done the others find done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from wince.clock import Clock, wall_us
from wince.domain.ids import site_namespace
from wince.domain.outside import CensusList
from wince.domain.trust import Cause
from wince.errors import InputError, PeerError, ResourceError
from wince.hospital.outside import load, reconcile
from wince.hospital.outside.heard import Heard
from wince.settings import Settings
from wince.store import comparisons, locks, trust
from wince.store.database import Database
from wince.store.locks import Lock
from wince.store.stays import PostgresCensus
from wince.telemetry import logs, metrics

log = logs.get(__name__)

LOOK_S = 5.0
"""How often it is looked."""
STAYS_US = 60 * 1_000_000
"""How often stays are looked at that never end."""
RETRY_US = 300 * 1_000_000
"""How long after a source that gave nothing it is asked again."""
_HOUR_US = 3600 * 1_000_000


class CensusKeeper:
    """One look is `look`. `read`: gives the list from outside; None: there is no source."""

    def __init__(
        self, database: Database, settings: Settings, heard: Heard, read: Callable[[], CensusList] | None, *, clock: Clock = wall_us
    ) -> None:
        self._database, self._settings, self._heard, self._read, self._clock = database, settings, heard, read, clock
        self._silent_after_us = round(settings.feed_silent_after_h * _HOUR_US)
        self._stay_after_us = round(settings.stay_doubtful_after_d * 24 * _HOUR_US)
        self._grace_us = round(settings.census_grace_s * 1e6)
        self._kept_us: int | None = None
        self._stays_us = 0

    def look(self) -> None:
        """Writes the feed's last word down, moves what is in doubt, and asks the source where it is time. Raises what the database does;
        a source that fails is told, and asked again later."""
        now_us = self._clock()
        newest_us = self._heard.newest_us
        with self._database.transaction() as tx:
            if newest_us is not None and newest_us != self._kept_us:
                trust.heard(tx, newest_us)
            feed = trust.watch_feed(tx, now_us, self._silent_after_us)
            lost = []
            if now_us - self._stays_us >= STAYS_US:
                lost, self._stays_us = trust.watch_stays(tx, now_us, self._stay_after_us), now_us
            settled = trust.settle(tx, now_us)
        self._kept_us = newest_us
        if feed is not None and feed.changed and feed.silent_us is not None:
            log.error("the hospital's feed is silent: who lies where is doubtful, nothing is charted", field="feed_silent_after_h")
        elif feed is not None and feed.changed:
            log.warning("the hospital's feed speaks again")
        if lost:
            log.error("stays without any word are doubtful: a person must look", count=len(lost), field="stay_doubtful_after_d")
        if settled:
            log.info("beds that a census contradicted are sure again", count=len(settled))
        if self._read is not None:
            self._compare(self._read, now_us)
        self._tell(now_us)

    def _compare(self, read: Callable[[], CensusList], now_us: int) -> None:
        with self._database.transaction() as tx:
            if not locks.try_take(tx, Lock.RECONCILING):
                return
            with self._database.transaction() as own:  # this one holds the lock alone: what it wrote, the others would wait for
                wanted, last = comparisons.load_wanted(own), comparisons.latest(own)
            if not self._due(wanted, last, now_us):
                return
            try:
                found = read()
            except (InputError, PeerError, ResourceError) as error:
                log.error("the census can't be read", field=error.field, error=error)
                reconcile.failed(self._database, self._settings.census_source, error.message, now_us)
                return
            if wanted:
                self._load(found, now_us)
            with self._database.transaction() as own:
                compared, failure = reconcile.reconcile(own, found, now_us, self._grace_us)
        if failure:
            log.error("the census from outside is not believed", reason=failure)
        elif compared.differing:
            log.warning("the census from outside differs", count=len(compared.differing))

    def _due(self, wanted: bool, last: comparisons.Comparison | None, now_us: int) -> bool:
        """Whether the source is to be asked now: what it didn't give, again after RETRY_US; an empty census at once."""
        every_us = round(self._settings.census_every_s * 1e6)
        if not wanted and not every_us:
            return False
        if last is None or (wanted and not last.failure):
            return True
        return now_us - last.at_us >= (RETRY_US if last.failure else every_us)

    def _load(self, found: CensusList, now_us: int) -> None:
        with self._database.transaction() as tx:
            found, compared = reconcile.compared_now(tx, found, self._grace_us)
        moves = load.admissions(found, compared.differing, now_us)
        census = PostgresCensus(self._database, self._clock)
        done = load.take(census, moves, site_namespace(self._settings.site), grace_us=self._grace_us)
        with self._database.transaction() as tx:
            trust.begin_feed(tx, found.moment_us)
            comparisons.loaded(tx)
        log.warning("an empty census was taken from outside", count=done.taken + done.known)

    def _tell(self, now_us: int) -> None:
        with self._database.transaction() as tx:
            feed, doubted, last = trust.feed(tx), trust.in_doubt(tx, now_us), comparisons.latest(tx)
            differing = comparisons.differing(tx)
        causes, kinds = Counter(one.cause for one in doubted), Counter(one.kind for one in differing)
        metrics.census(
            silent_s=0.0 if feed is None else (now_us - feed.heard_us) / 1e6,
            untrusted=feed is not None and feed.silent_us is not None,
            doubtful={cause.value: causes[cause] for cause in Cause},
            differences={kind.value: count for kind, count in kinds.items()},
            failed=last is not None and bool(last.failure),
        )
