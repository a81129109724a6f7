"""Keeps estimates out of grade that other rules read: the thresholds, the window and the grades of one file would be laid on the numbers of
another. That happens while a protocol's file is changed on one service and not yet on the other."""

from __future__ import annotations

from collections.abc import Mapping

from wince.domain.estimate import Estimate
from wince.errors import MessageError
from wince.telemetry import logs, metrics

log = logs.get(__name__)

REMEDY = "give every service the same protocol file, and restart them"


class MixedError(MessageError):
    """An estimate was read by other rules than it would be graded by."""


class SameRules:
    """Judges the estimates of many sources. Not thread-safe."""

    def __init__(self, rules: Mapping[str, str], default: str) -> None:
        """`rules`: sha256 of the rules of each protocol that is graded here. `default`: the protocol of estimates that name none."""
        self._rules, self._default = dict(rules), default
        self._named: set[tuple[str, str]] = set()

    def check(self, estimate: Estimate) -> None:
        """Raises MixedError where other rules read it. What says none (a version before, a client of its own) is taken."""
        name = estimate.protocol or self._default
        ours = self._rules.get(name)
        if ours is None or estimate.rule in ("", ours):
            return
        metrics.mixed(name)
        if (name, estimate.rule) not in self._named:  # once, not for every frame
            self._named = {*list(self._named)[-99:], (name, estimate.rule)}
            log.error("estimates were read by other rules than grade has; they are set aside", protocol=name, field="rule", remedy=REMEDY)
        raise MixedError("was read by other rules of the protocol than grade has", field="rule", remedy=REMEDY)
