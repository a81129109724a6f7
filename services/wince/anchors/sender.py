"""Sends checkpoints to one second place: on a thread of its own, so that nothing waits for it.

Nothing is kept for it but record's own file of checkpoints: a place is asked what it has, and gets the newest one where that is later. So
a process that is killed loses nothing, and the newest one proves all rows before it: those between are not sent.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from wince.anchors import compare
from wince.anchors.interface import Place
from wince.backoff import Backoff
from wince.clock import Clock, wall_us
from wince.domain.audit import Checkpoint
from wince.errors import IntegrityError, WinceError
from wince.parts import WatchedThread
from wince.store import checkpoint_file
from wince.store.database import Database
from wince.telemetry import anchor_metrics, logs

log = logs.get(__name__)

COUNT_S = 30.0
"""How often it is counted what is not sent."""
LAST_S = 10.0
"""How long an ending process waits for the last checkpoint to be taken."""


class Sender:
    """A part of the process that writes checkpoints. It never fails: what can't be sent is counted, told and tried again."""

    def __init__(
        self,
        database: Database,
        file: Path,
        place: Place,
        key: str,
        *,
        look_s: float = 5.0,
        longest_s: float = 300.0,
        clock: Clock = wall_us,
    ) -> None:
        """`file`: record's checkpoints; `key`: whose signatures they have, hex. `look_s`: how often it is looked for a newer one;
        `longest_s`: between two tries."""
        self._database, self._file, self._place, self._key, self._clock = database, file, place, key, clock
        self._look_s, self._again = look_s, Backoff(look_s, longest_s)
        self._kept: int | None = None
        """Row of the last checkpoint that the place keeps; None: it was not asked yet."""
        self._sent_at = self._counted_at = -float("inf")
        self._failures = 0
        self._stopped = threading.Event()
        self._thread = WatchedThread(f"anchor-{place.kind}", self._run, self._stopped)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """One last try, for no longer than LAST_S: stop it after the checkpointer. What is not taken then is sent by the next start."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(LAST_S)

    def failed(self) -> BaseException | None:
        """None but for a fault of ours."""
        return self._thread.failed()

    def _run(self) -> None:
        while not self._stopped.wait(self._again.wait_s(self._failures) if self._failures else self._look_s):
            self.turn()
        self.turn(last=True)

    def turn(self, *, last: bool = False) -> None:
        """Sends what is due, and counts what is not. `last`: whatever is newer is due."""
        try:
            point = self._due(last=last)
            if point is not None:
                self._place.put(point, self._key)
                self._kept, self._sent_at = point.seq, time.monotonic()
                anchor_metrics.sent(self._place.kind)
            self._count(point)
            self._failures = 0
        except Exception as error:  # an odd answer, or a fault of ours: beds are watched all the same
            self._failures += 1
            self._failed(error)

    def _due(self, *, last: bool) -> Checkpoint | None:
        if self._kept is None:
            self._kept = self._ask()
        point = checkpoint_file.newest(self._file)
        due = last or time.monotonic() - self._sent_at >= self._place.every_s
        return point if due and point is not None and point.seq > self._kept else None

    def _ask(self) -> int:
        """What the place keeps. Raises IntegrityError where it kept more."""
        return max((one.seq for one in compare.witnesses(self._database, [self._place])), default=0)

    def _count(self, point: Checkpoint | None) -> None:
        """What the place took, where it took something, and what it lacks."""
        if point is None and not self._failures and time.monotonic() - self._counted_at < COUNT_S:
            return
        with self._database.transaction() as tx:
            compare.took(tx, self._place.name, point, self._clock())
            links, oldest_s = compare.behind(tx, self._kept or 0)
        self._counted_at = time.monotonic()
        anchor_metrics.unsent(self._place.kind, links, oldest_s)

    def _failed(self, error: Exception) -> None:
        said = log.error if isinstance(error, IntegrityError) or not isinstance(error, WinceError) else log.warning
        said("a checkpoint can't be sent to its second place; trying again", target=self._place.kind, attempts=self._failures, error=error)
        anchor_metrics.failed(self._place.kind)
        why = error if isinstance(error, WinceError) else WinceError(f"gave an answer that can't be used ({type(error).__name__})")
        try:
            with self._database.transaction() as tx:
                compare.failed(tx, self._place.name, why, self._clock())
                links, oldest_s = compare.behind(tx, self._kept or 0)
        except WinceError:
            return
        anchor_metrics.unsent(self._place.kind, links, oldest_s)
