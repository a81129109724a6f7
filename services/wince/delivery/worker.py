"""Delivers what the outbox holds: leases, calls the target outside any transaction, keeps what came of it. Rules: outbox.py, holds.py."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

from wince.backoff import Backoff
from wince.clock import Clock, wall_us
from wince.delivery import books, holds
from wince.delivery.attempt import ask
from wince.delivery.interface import Interruptible, Narrow, Outcome, Target, distinct
from wince.delivery.outbox import Lease, Tried, lease, reclaim, settle
from wince.delivery.probe import Probe
from wince.domain.withheld import Switch
from wince.parts import WatchedThread
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.store.withheld import off
from wince.telemetry import metrics
from wince.telemetry.logs import get

_log = get("wince.delivery")

GRACE_S = 2.0
"""How long a stop waits for a request in hand to finish."""
AGAIN = Backoff(0.2, 5.0)
"""Between attempts to read and write the outbox."""


class Delivery:
    """Delivers to every target until `stop`, on threads of its own: one that keeps the books, `clients` per target that deliver. So a
    target that is slow, held or dead keeps nothing from another.

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
        clock: Clock = wall_us,
        jitter: random.Random | None = None,
        alone: bool = False,
    ) -> None:
        """Raises ConfigError where two targets have one name."""
        self._database = database
        self._names = [target.name for target in distinct(targets)]
        self._alone = alone
        self._stopped = threading.Event()
        self._wake = threading.Condition()
        self._poll_s = poll_s
        self._loops = [
            _Loop(
                database,
                target,
                clients=clients,
                per_encounter=per_encounter,
                lease_s=lease_s,
                poll_s=poll_s,
                clock=clock,
                jitter=jitter or random.Random(),
                stopped=self._stopped,
                pause=self._pause,
            )
            for target in targets
        ]
        self._threads: list[WatchedThread] = []

    def start(self) -> None:
        """Begins to deliver. Once. Raises what the database does where it is `alone`."""
        if self._alone:
            with self._database.transaction() as tx:
                reclaim(tx, self._names)
        self._threads = [WatchedThread(f"deliver-{loop.target.name}", loop.run, self._stopped) for loop in self._loops]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finishes the requests in hand, gives the other leases back, ends. Idempotent. Where a peer answers slowly, its requests are
        broken off after a moment: their outcome is then unknown, as after a kill."""
        self._stopped.set()
        self.wake()
        end = time.monotonic() + GRACE_S
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        for loop, thread in zip(self._loops, self._threads, strict=False):
            if thread.is_alive() and isinstance(loop.target, Interruptible):
                loop.target.interrupt()
        for thread in self._threads:
            thread.join()

    def failed(self) -> BaseException | None:
        """What ended the delivery to a target for good; None while every thread lives, or was asked to stop."""
        return next((error for thread in self._threads if (error := thread.failed()) is not None), None)

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
        """Rows of our targets that will still be tried without anybody acting."""
        with self._database.transaction() as tx:
            return books.waiting(tx, self._names)

    def _pause(self) -> None:
        with self._wake:
            if not self._stopped.is_set():
                self._wake.wait(self._poll_s)


class _Loop:
    """One target's books, kept on one thread; its deliveries run on a pool."""

    def __init__(
        self,
        database: Database,
        target: Target,
        *,
        clients: int,
        per_encounter: int,
        lease_s: float,
        poll_s: float,
        clock: Callable[[], int],
        jitter: random.Random,
        stopped: threading.Event,
        pause: Callable[[], None],
    ) -> None:
        self.target = target
        self._database, self._per_encounter = database, per_encounter
        self._clients = min(clients, target.at_once) if isinstance(target, Narrow) else clients
        self._lease_s, self._poll_s, self._clock, self._jitter = lease_s, poll_s, clock, jitter
        self._stopped, self._pause = stopped, pause
        self._paces: dict[str, int] = {}
        """How many rows the next run of an encounter may have, where the last one was cut short: 1, 2, 4, ..."""
        self._off: Sequence[Switch] = ()
        """What is switched off: of a run in hand the rest waits."""
        self._probe = Probe(database, target, lease_s=lease_s, clock=clock, jitter=jitter)

    def run(self) -> None:
        """Until stopped. A database that does not answer is waited for; what else goes wrong on a pool's thread ends this one."""
        running: dict[Future[list[Tried]], str] = {}
        finished: list[Tried] = []
        failures = 0
        with ThreadPoolExecutor(self._clients, thread_name_prefix=f"target-{self.target.name}") as pool:
            while running or finished or not self._stopped.is_set():
                try:
                    started = self._books(pool, running, finished)
                    finished, failures = [], 0
                except Exception as error:
                    # The thread must live: a fault is logged and met again, after a pause. What was delivered stays in `finished` and is
                    # kept when the database answers; else the lease runs out.
                    failures += 1
                    _log.warning("the outbox can't be read or written", target=self.target.name, attempts=failures, error=error)
                    if self._stopped.wait(AGAIN.wait_s(failures)) and not running:
                        return
                    started = 0
                if running:
                    done, _ = wait(running, timeout=self._poll_s, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._pace(running.pop(future), tried := future.result())
                        finished += tried
                elif not started and not finished:
                    self._pause()

    def _books(self, pool: ThreadPoolExecutor, running: dict[Future[list[Tried]], str], finished: list[Tried]) -> int:
        """One transaction: what is finished, and what is next. The number of runs that were started."""
        name = self.target.name
        free = 0 if self._stopped.is_set() else self._clients - len(running)
        trail: list[Fact] = []
        now_us = self._clock()
        runs: list[list[Lease]] = []
        due = None
        with self._database.transaction() as tx:
            held = settle(tx, name, finished, now_us, self._jitter, trail)
            self._off = off(tx)
            if free:
                runs = lease(
                    tx,
                    name,
                    now_us,
                    encounters=free,
                    per_encounter=self._per_encounter,
                    seconds=self._lease_s,
                    busy=list(running.values()),
                    paces=self._paces,
                    trail=trail,
                )
                due = None if runs else holds.claim(tx, name, self._jitter)
            if trail:
                append(tx, trail, now_us)
        self._say(finished, held=held)
        for run in runs:
            running[pool.submit(self._deliver, run)] = run[0].encounter
        if due is not None:
            running[pool.submit(partial(self._probe.run, due))] = ""
        return len(runs)

    def _say(self, finished: Sequence[Tried], *, held: bool) -> None:
        name = self.target.name
        for item in finished:
            if item.answer:
                outcome = item.answer.outcome
                metrics.delivered(name, outcome, again=outcome in (Outcome.RETRY, Outcome.HELD))
            if item.answer and item.answer.outcome is Outcome.DEAD:
                _log.error("dead letter", target=name, entry=item.lease.entry, revision=item.lease.revision)
        if held:
            why = next(item.answer for item in finished if item.answer and item.answer.outcome is Outcome.HELD)
            metrics.held(name)
            _log.error("the target is held: it refuses Wince itself", target=name, detail=why.detail, remedy=why.remedy or books.REMEDY)

    def _pace(self, encounter: str, tried: Sequence[Tried]) -> None:
        """A run that was cut short is followed by a short one, and that by one twice as long: a target that fails now and then doesn't
        make us lease, return and audit the same rows again and again."""
        if any(item.answer is None or item.answer.outcome in (Outcome.RETRY, Outcome.HELD) for item in tried):
            self._paces[encounter] = 1
        elif (pace := 2 * self._paces.pop(encounter, self._per_encounter)) < self._per_encounter:
            self._paces[encounter] = pace

    def _deliver(self, run: Sequence[Lease]) -> list[Tried]:
        """One encounter's run, in order, up to the first that does not get through."""
        tried: list[Tried] = []
        end = time.monotonic() + self._lease_s / 2
        for position, row in enumerate(run):
            withheld = not row.withdraws and any(switch.holds(row.bed) for switch in self._off)
            if self._stopped.is_set() or time.monotonic() > end or withheld:
                return tried + [Tried(rest, None) for rest in run[position:]]
            answer = ask(self.target, row)
            tried.append(Tried(row, answer))
            if answer.outcome in (Outcome.RETRY, Outcome.HELD):
                return tried + [Tried(rest, None) for rest in run[position + 1 :]]
        return tried
