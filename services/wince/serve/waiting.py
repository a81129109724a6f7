"""A service that starts before its database or Kafka does waits for them and says so, instead of ending again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from wince.errors import Unavailable, WinceError
from wince.telemetry import logs

log = logs.get(__name__)

LOOK_S, TELL_S = 0.5, 30.0
"""How often the other is asked; how often it is said that it is still waited for."""

Result = TypeVar("Result")


def waited(name: str, ask: Callable[[], Result], wait_s: float, passes: type[WinceError] = Unavailable) -> Result:
    """What `ask` gives; while it raises `passes` it is asked again, for `wait_s` seconds. `name`: what is waited for, as the log says it.

    Raises what `ask` raises, `passes` once the time is over. SIGTERM interrupts it, as everything on the main thread.
    """
    began = time.monotonic()
    told: float | None = None
    while True:
        try:
            result = ask()
        except passes as error:
            now = time.monotonic()
            if now - began > wait_s:
                raise
            if told is None or now - told > TELL_S:
                told = now
                log.warning("waits for another to answer", task=name, seconds=round(now - began), error=error)
            time.sleep(LOOK_S)
        else:
            if told is not None:
                log.warning("the other answers", task=name, seconds=round(time.monotonic() - began))
            return result
