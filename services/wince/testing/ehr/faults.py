"""Faults that the sandbox can be told to have: which requests they hit, how often, and what happens then."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from wince.errors import ConfigError

EFFECTS = ("status", "slow", "commit_then_timeout", "commit_then_drop", "drop", "reset", "truncated", "garbled", "expired")
"""What a fault does:

    status               answer `status` (with Retry-After where given); nothing is done
    slow                 answer rightly, `seconds` later
    commit_then_timeout  do it, then stay silent for `seconds`, then close the connection
    commit_then_drop     do it, then close the connection at once
    drop                 close the connection; nothing is done ("down" for as long as it stands)
    reset                do it, send half of the answer, then reset the connection
    truncated            do it, send half of the answer, then close the connection
    garbled              do it, answer with half of the body as if it were the whole: no JSON
    expired              the request's token, where it is older than `seconds`, holds no longer: 401

To be refused a connection see EhrSandbox.refuse.
"""
KINDS = ("any", "create", "update", "read", "search", "transaction", "metadata", "token")


@dataclass(frozen=True, slots=True)
class Fault:
    """One standing order to misbehave."""

    effect: str
    """One of EFFECTS."""
    on: str = "any"
    """One of KINDS; "any" leaves the admin path alone."""
    resource: str = ""
    """Only requests for this resource type; empty: every type."""
    status: int = 503
    retry_after_s: int | None = None
    seconds: float = 30.0
    rate: float = 1.0
    """Share of the matching requests that are hit, 0-1."""
    count: int | None = None
    """Stop after so many hits; None: until cleared."""

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ConfigError(f"unknown effect; one of {', '.join(EFFECTS)}", field="effect")
        if self.on not in KINDS:
            raise ConfigError(f"unknown kind of request; one of {', '.join(KINDS)}", field="on")
        if not 0 <= self.rate <= 1:
            raise ConfigError("must lie in 0-1", field="rate")
        if not 400 <= self.status <= 599:
            raise ConfigError("must lie in 400-599", field="status")


@dataclass
class _Standing:
    fault: Fault
    hits: int = 0


@dataclass
class Faults:
    """The faults that stand. Thread-safe. The first that matches and is not used up acts; `seed` makes the rates repeatable."""

    seed: int = 0
    _standing: list[_Standing] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, effect: str, **options: Any) -> Fault:
        """Add a fault; options are the fields of Fault. Raises ConfigError for a wrong one.

        >>> Faults().add("status", on="create", status=429, retry_after_s=1, count=2).status
        429
        """
        try:
            fault = Fault(effect, **options)
        except TypeError:
            raise ConfigError("unknown option of a fault", field=", ".join(sorted(options))) from None
        with self._lock:
            self._standing.append(_Standing(fault))
        return fault

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._standing.clear()

    def strike(self, kind: str, resource: str) -> Fault | None:
        """The fault that hits this request, counted; None: behave."""
        if not self._standing:
            return None
        with self._lock:
            for standing in self._standing:
                fault = standing.fault
                if fault.on not in ("any", kind) or fault.resource not in ("", resource):
                    continue
                if fault.count is not None and standing.hits >= fault.count:
                    continue
                if fault.rate < 1 and self._random.random() >= fault.rate:
                    continue
                standing.hits += 1
                return fault
        return None

    def listing(self) -> list[dict[str, Any]]:
        """Every standing fault with its hits so far."""
        with self._lock:
            return [{**asdict(standing.fault), "hits": standing.hits} for standing in self._standing]
