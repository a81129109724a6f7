"""Delivers what the outbox holds: leases, calls the target outside any transaction, keeps what came of it. Rules: leases.py."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from wince.delivery.interface import Delivery as Answer
from wince.delivery.interface import Outcome, Target
from wince.delivery.outbox import Lease, Tried, lease, reclaim, settle
from wince.errors import InputError, Unavailable
from wince.parts import WatchedThread, first_failed
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.telemetry import metrics, traces
from wince.telemetry.logs import get

_log = get("wince.record.delivery")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. `detail` holds no PHI."""

    entry: UUID
    revision: int
    target: str
    attempts: int
    detail: str


class Delivery:
    """Delivers to every target until `stop`, on threads of its own: one that keeps the books, `clients` per target that deliver.

    `lease_s`: how long a row is ours; after a kill it is tried again when that is over. Longer than a target's own timeouts.
    `poll_s`: how often the outbox is looked at while nothing is due; `wake` does it at once.
    `alone`: nobody else delivers from this database, so a lease that stands at the start is that of somebody who was killed: it is void.
    """

    def __init__(
        self,
        database: Database,
        targets: Sequence[Target],
        *,
        clients: int = 4,
        per_encounter: int = 64,
        lease_s: float = 120.0,
        poll_s: float = 0.25,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        jitter: random.Random | None = None,
        alone: bool = False,
    ) -> None:
        self._database = database
        self._targets = list(targets)
        self._clients = clients
        self._per_encounter = per_encounter
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._clock = clock
        self._jitter = jitter or random.Random()
        self._alone = alone
        self._stopped = threading.Event()
        self._wake = threading.Condition()
        self._threads: list[WatchedThread] = []
        self._paces: dict[str, int] = {}
        """How many rows the next run of an encounter may have, where the last one was cut short: 1, 2, 4, ..."""

    def start(self) -> None:
        """Begins to deliver. Once. Raises what the database does where it is `alone`."""
        if self._alone:
            with self._database.transaction() as tx:
                reclaim(tx)
        self._threads = [WatchedThread(f"deliver-{target.name}", partial(self._loop, target), self._stopped) for target in self._targets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finishes the requests in hand, gives the other leases back, ends. Idempotent."""
        self._stopped.set()
        self.wake()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def failed(self) -> BaseException | None:
        """What ended the delivery to a target for good."""
        found = first_failed(self._threads)
        return found[1] if found is not None else None

    def wake(self) -> None:
        """There is something new in the outbox."""
        with self._wake:
            self._wake.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Waits until nothing is open any more (written, dead, or behind a dead letter or a hold); False where time ran out."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.waiting() == 0:
                return True
            self.wake()
            time.sleep(min(0.05, self._poll_s))
        return self.waiting() == 0

    def waiting(self) -> int:
        """Rows that will still be tried without anybody acting."""
        with self._database.transaction() as tx:
            row = tx.execute(
                "SELECT count(*) FROM outbox o WHERE state IN ('ready', 'leased') AND NOT EXISTS (SELECT FROM target_hold h"
                " WHERE h.target = o.target) AND NOT EXISTS (SELECT FROM outbox d WHERE d.entry = o.entry AND d.revision < o.revision"
                " AND d.state = 'dead')"
            ).fetchone()
        return int(row[0]) if row else 0

    def dead(self) -> list[Letter]:
        """Dead letters, oldest first."""
        with self._database.transaction() as tx:
            found = tx.execute(
                "SELECT entry, revision, target, attempts, last_error FROM outbox WHERE state = 'dead' ORDER BY made"
            ).fetchall()
        return [Letter(*row) for row in found]

    def replay(self, entry: UUID, revision: int) -> None:
        """A person has put right what was wrong: the dead letter is tried again. Raises InputError where there is no such letter."""
        with self._database.transaction() as tx:
            row = tx.execute(
                "UPDATE outbox SET state = 'ready', next_at = now() WHERE entry = %s AND revision = %s AND state = 'dead' AND body <> ''"
                " RETURNING attempts",
                (entry, revision),
            ).fetchone()
            if row is None:
                raise InputError(
                    "there is no such dead letter that can be sent", field=f"{entry}/{revision}", remedy="list the dead letters"
                )
            append(tx, [Fact(entry, revision, "replay", row[0], "{}")], self._clock())
        self.wake()

    def held(self) -> dict[str, str]:
        """Targets that are held, and the answer that did it."""
        with self._database.transaction() as tx:
            return dict(tx.execute("SELECT target, detail FROM target_hold ORDER BY target").fetchall())

    def release(self, target: str) -> None:
        """A person has acted (credentials, permission): the target is tried again."""
        with self._database.transaction() as tx:
            tx.execute("DELETE FROM target_hold WHERE target = %s", (target,))
        self.wake()

    def _loop(self, target: Target) -> None:
        """Keeps the books of one target. A database that does not answer is waited for."""
        running: dict[Future[list[Tried]], str] = {}
        finished: list[Tried] = []
        failures = 0
        with ThreadPoolExecutor(self._clients, thread_name_prefix=f"target-{target.name}") as pool:
            while running or finished or not self._stopped.is_set():
                try:
                    started = self._books(target, pool, running, finished)
                    finished, failures = [], 0
                except Exception as error:
                    # The thread must live: a fault is logged and met again, after a pause. What was delivered stays in `finished` and is
                    # kept when the database answers; else the lease runs out.
                    failures += 1
                    _log.warning("the outbox can't be read or written", target=target.name, attempts=failures, error=error)
                    if self._stopped.wait(min(5.0, 0.1 * 2 ** min(failures, 6))) and not running:
                        return
                    started = 0
                if running:
                    done, _ = wait(running, timeout=None if len(running) >= self._clients else self._poll_s, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._pace(running.pop(future), tried := future.result())
                        finished += tried
                elif not started and not finished:
                    self._pause()

    def _books(self, target: Target, pool: ThreadPoolExecutor, running: dict[Future[list[Tried]], str], finished: list[Tried]) -> int:
        """One transaction: what is finished, and what is next. The number of runs that were started."""
        free = 0 if self._stopped.is_set() else self._clients - len(running)
        trail: list[Fact] = []
        now_us = self._clock()
        with self._database.transaction() as tx:
            held = settle(tx, target.name, finished, now_us, self._jitter, trail)
            runs = (
                lease(
                    tx,
                    target.name,
                    now_us,
                    encounters=free,
                    per_encounter=self._per_encounter,
                    seconds=self._lease_s,
                    busy=list(running.values()),
                    paces=self._paces,
                    trail=trail,
                )
                if free
                else []
            )
            if trail:
                append(tx, trail, now_us)
        if held:
            _log.error("the target is held: it refuses us as a whole", target=target.name)
        for item in finished:
            if item.answer:
                outcome = item.answer.outcome
                metrics.delivered(target.name, outcome, again=outcome in (Outcome.RETRY, Outcome.HELD))
            if item.answer and item.answer.outcome is Outcome.DEAD:
                _log.error("dead letter", target=target.name, entry=item.lease.entry, revision=item.lease.revision)
        for run in runs:
            running[pool.submit(self._deliver, target, run)] = run[0].encounter
        return len(runs)

    def _pace(self, encounter: str, tried: Sequence[Tried]) -> None:
        """A run that was cut short is followed by a short one, and that by one twice as long: a target that fails now and then doesn't
        make us lease, return and audit the same rows again and again."""
        if any(item.answer is None or item.answer.outcome in (Outcome.RETRY, Outcome.HELD) for item in tried):
            self._paces[encounter] = 1
        elif (pace := 2 * self._paces.pop(encounter, self._per_encounter)) < self._per_encounter:
            self._paces[encounter] = pace

    def _deliver(self, target: Target, run: Sequence[Lease]) -> list[Tried]:
        """One encounter's run, in order, up to the first that does not get through."""
        tried: list[Tried] = []
        end = time.monotonic() + self._lease_s / 2
        for position, row in enumerate(run):
            if self._stopped.is_set() or time.monotonic() > end:
                return tried + [Tried(rest, None) for rest in run[position:]]
            answer = _ask(target, row)
            tried.append(Tried(row, answer))
            if answer.outcome in (Outcome.RETRY, Outcome.HELD):
                return tried + [Tried(rest, None) for rest in run[position + 1 :]]
        return tried

    def _pause(self) -> None:
        with self._wake:
            if not self._stopped.is_set():
                self._wake.wait(self._poll_s)


def _ask(target: Target, row: Lease) -> Answer:
    """What the target answers, in a span of the assessment's trace."""
    assessment = traces.of(row.trace.encode())
    if assessment is None:
        return _answer(target, row)
    with traces.within("record.deliver", assessment, carried=row.trace.encode()):
        answer = _answer(target, row)
        traces.say(entry=str(row.entry), revision=row.revision, attempt=row.attempt, target=target.name, outcome=answer.outcome.value)
        if answer.outcome is not Outcome.WRITTEN:
            traces.fail(answer.outcome.value)
        return answer


def _answer(target: Target, row: Lease) -> Answer:
    """What the target answers; what it raises against its promise is an unknown outcome."""
    try:
        return target.deliver(row.body, row.location, row.version)
    except Unavailable as error:
        return Answer(Outcome.RETRY, error.code, retry_after_s=error.retry_after_s)
    except Exception as error:
        _log.error("the target failed", target=target.name, error=error)
        return Answer(Outcome.RETRY, f"internal: {type(error).__name__}")
