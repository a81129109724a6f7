"""From care's outbox onto the bus: sent, acknowledged, then marked. At least once, in order; one relay at a time over all replicas."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late

from wince.backoff import Backoff
from wince.bus.topics import CARE
from wince.clock import Clock, wall_us
from wince.errors import Unavailable
from wince.parts import PASSING, WatchedThread
from wince.store import locks
from wince.store.database import Database, Tx
from wince.store.locks import Lock
from wince.telemetry import logs

log = logs.get(__name__)

AT_ONCE = 200
WAIT_S = 30.0
"""How long an acknowledgement is waited for; then everything is sent again."""
AGAIN_US = 60_000_000
"""A verdict that record has not written after this time is sent again: the bus may have lost it."""
VERDICT = "wince.api.care.v1.Verdict"

Publish = Callable[[str, str, bytes, "dict[str, bytes] | None"], "Future[None]"]
"""`Bus.publish`: topic, key, value, headers."""


class Relay:
    """Sends on a thread of its own until `stop`; a part of a service (start, stop, failed)."""

    def __init__(self, database: Database, publish: Publish, *, poll_s: float = 0.5, clock: Clock = wall_us) -> None:
        self._database, self._publish, self._clock = database, publish, clock
        self._again = Backoff(poll_s, 30.0)
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = WatchedThread("care-relay", self._run, self._stopped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Send what is committed, end. Idempotent."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(WAIT_S)

    def failed(self) -> BaseException | None:
        """What ended it for good; what may pass is tried again."""
        return self._thread.failed()

    def wake(self) -> None:
        """Something was committed."""
        self._wake.set()

    def send(self) -> int:
        """Send what is due; how many messages that were. Raises Unavailable where the bus does not acknowledge, and as the database."""
        with self._database.transaction() as tx:
            if not locks.try_take(tx, Lock.RELAY):
                return 0
            rows = self._due(tx)
            if rows:
                self._database.settle(tx)
            try:
                futures = [
                    self._publish(CARE, key, bytes(body), {"schema": schema.encode()})  # what is said to each camera has an id of its own
                    for _, key, schema, body in rows
                ]
                ends = time.monotonic() + WAIT_S
                for future in futures:
                    future.result(max(0.0, ends - time.monotonic()))
            except Late:
                raise Unavailable("the bus does not acknowledge", field=CARE, remedy="is Kafka running?") from None
            if rows:
                sent = [row[0] for row in rows]
                tx.execute("DELETE FROM care_outbox WHERE seq = ANY(%s) AND schema <> %s", (sent, VERDICT))
                tx.execute("UPDATE care_outbox SET sent_us = %s WHERE seq = ANY(%s)", (self._clock(), sent))
            return len(rows)

    def _due(self, tx: Tx) -> Sequence[tuple[int, str, str, bytes]]:
        """What was never sent, behind what was sent and is still not in the record. What is there leaves the outbox: it stays small."""
        tx.execute("DELETE FROM care_outbox o USING verdict v WHERE o.sent_us IS NOT NULL AND v.id = o.event")
        wanted = "SELECT seq, key, schema, body FROM care_outbox WHERE "
        rows = tx.execute(wanted + "sent_us IS NULL ORDER BY seq LIMIT %s", (AT_ONCE,)).fetchall()
        lost = tx.execute(wanted + "sent_us < %s ORDER BY seq LIMIT %s", (self._clock() - AGAIN_US, AT_ONCE)).fetchall()
        return [*lost, *rows]

    def _run(self) -> None:
        failures = 0
        while True:
            ending = self._stopped.is_set()
            try:
                more, failures = self.send() >= AT_ONCE, 0
            except PASSING as error:
                more, failures = False, failures + 1
                log.warning("decisions wait for the bus", topic=CARE, attempts=failures, error=error)
            if ending and not more:
                return
            if not more:
                self._wake.wait(self._again.wait_s(failures + 1))
                self._wake.clear()
