"""How far ahead of now the times of cameras and of the hospital's messages may lie, in `wince run` and in the services alike."""

from __future__ import annotations

from functools import partial

from wince import clock as wall
from wince.clock import Clock
from wince.domain.ahead import Bound
from wince.domain.frame import US
from wince.errors import WinceError
from wince.pipeline.capture.clock import wall_us
from wince.runners.ahead import Ahead
from wince.serve.begin import LONGEST_US
from wince.settings import Settings
from wince.store import refused_time
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)


def ahead(settings: Settings, origin_us: int | None = None, clock: Clock = wall_us, database: Database | None = None) -> Ahead:
    """What keeps the future out of grade. `origin_us`: where clips are played as cameras, the moment at which they begin: as fast as they
    are taken, perhaps in the future, and each no longer than LONGEST_US.

    `database`: takes down what is refused, for `wince status`. `clock` is that of live cameras: on a host whose clock is set back it goes
    on as theirs does."""
    bound = Bound(round(settings.clock_ahead_s * US), round(settings.clock_hold_s * US))
    refused = None if database is None else partial(_refused, database)
    return Ahead(bound, clock if origin_us is None else lambda: max(clock(), origin_us + LONGEST_US), refused)


def _refused(database: Database, source: str, ahead_us: int) -> None:
    try:
        with database.transaction() as tx:
            refused_time.note(tx, source, ahead_us, wall.wall_us())
    except WinceError as error:
        log.warning("what is refused for its time can't be taken down", source=source, error=error)


def stray(settings: Settings, origin_us: int | None = None, clock: Clock = wall_us) -> Ahead:
    """What keeps single messages of the future out of estimate: a clock that stays ahead is let through after some messages, since grade
    judges it and says whether it is followed. Arguments as for `ahead`."""
    bound = Bound(round(settings.clock_ahead_s * US), hold_us=0)
    return Ahead(bound, clock if origin_us is None else lambda: max(clock(), origin_us + LONGEST_US))


def latest_event(settings: Settings, origin_us: int | None = None, clock: Clock = wall.wall_us) -> Clock:
    """The last moment at which an event of the hospital may have happened, asked for at each message. `origin_us` as for `ahead`."""
    more_us = round(settings.event_ahead_min * 60 * US)
    return lambda: (clock() if origin_us is None else max(clock(), origin_us + LONGEST_US)) + more_us
