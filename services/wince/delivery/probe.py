"""The probe of a hold: does the target take us again?

First the target's own harmless request (`Target.probe`). Where that is not refused, one waiting row is tried, since a request that
reads may be allowed where one that writes is not; a hold that was lifted on less would come back at once, again and again. The hold
ends when the row is not refused either, or none waits.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

from wince.delivery import books, holds
from wince.delivery.attempt import ask, probe
from wince.delivery.interface import Answer, Outcome, Target
from wince.delivery.outbox import Tried, lease, settle
from wince.errors import WinceError
from wince.store.audit import Fact, append
from wince.store.database import Database
from wince.telemetry import metrics
from wince.telemetry.logs import get

_log = get("wince.delivery")


class Probe:
    """Probes one target. Runs on a thread that delivers."""

    def __init__(self, database: Database, target: Target, *, lease_s: float, clock: Callable[[], int], jitter: random.Random) -> None:
        self._database, self._target, self._lease_s, self._clock, self._jitter = database, target, lease_s, clock, jitter

    def run(self, hold: UUID) -> list[Tried]:
        """Probe, and keep what came of it; nothing is left to settle. A database that fails leaves the hold to the next turn."""
        try:
            self._run(hold)
        except WinceError as error:
            _log.warning("the outbox can't be read or written", target=self._target.name, error=error)
        return []

    def _run(self, hold: UUID) -> None:
        answer = probe(self._target)
        tried: list[Tried] = []
        if answer.outcome not in (Outcome.HELD, Outcome.RETRY):
            tried = self._try_one()
            answer = tried[0].answer if tried and tried[0].answer else answer
        refused = answer.outcome is Outcome.HELD or (answer.outcome is Outcome.RETRY and not tried)
        trail: list[Fact] = []
        now_us = self._clock()
        with self._database.transaction() as tx:
            settle(tx, self._target.name, tried, now_us, self._jitter, trail)
            if answer.outcome is Outcome.HELD:
                holds.still(tx, hold, answer)
            lifted = None if refused else holds.lift(tx, self._target.name, "probe", hold)
            if lifted is not None:
                trail.append(lifted)
            if trail:
                append(tx, trail, now_us)
        self._say(answer, tried, lifted=lifted is not None)

    def _try_one(self) -> list[Tried]:
        """The row that is next, sent in spite of the hold."""
        with self._database.transaction() as tx:
            name, now_us = self._target.name, self._clock()
            runs = lease(tx, name, now_us, encounters=1, per_encounter=1, seconds=self._lease_s, despite_hold=True)
        return [Tried(row, ask(self._target, row)) for run in runs for row in run]

    def _say(self, answer: Answer, tried: list[Tried], *, lifted: bool) -> None:
        name = self._target.name
        for item in tried:
            if item.answer:
                metrics.delivered(name, item.answer.outcome, again=item.answer.outcome in (Outcome.RETRY, Outcome.HELD))
        if lifted:
            _log.info("the target accepts Wince again; its hold is lifted", target=name)
        else:
            remedy = answer.remedy or books.REMEDY
            _log.warning("the target is still held", target=name, outcome=answer.outcome, detail=answer.detail, remedy=remedy)
