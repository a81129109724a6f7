"""How a source begins, in `wince run` and in the services: from its stored snapshots where they can be used, else new; told who lies there
and what people decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from wince.care.events import standing
from wince.clock import Clock, wall_us
from wince.domain.frame import US
from wince.domain.snapshot import Snapshot
from wince.errors import DataError
from wince.pipeline.grade import stage
from wince.store import snapshots, undoing
from wince.store.answers import given
from wince.store.database import Database, Tx
from wince.store.telling import lying
from wince.telemetry import logs

log = logs.get(__name__)

FOLD = "grade"
LEFT_OUT_US = 15 * 60 * US
"""Snapshots of one source lie a window apart. A protocol further behind than this was not folded."""
LONGEST_US = 24 * 3600 * US
"""A clip that is played as a camera is no longer than this."""


class SourceStart:
    """Makes the states of a source, one for each protocol that looks at it."""

    def __init__(self, database: Database, setups: Sequence[stage.Setup], origin_us: int | None = None, clock: Clock = wall_us) -> None:
        """`setups`: one for each protocol. `origin_us`: where clips are played as cameras, the moment at which they begin."""
        self._database, self._setups, self._origin_us, self._clock = database, tuple(setups), origin_us, clock

    def __call__(self, source: str) -> Mapping[str, stage.State]:
        """By protocol. Raises StoreError, Unavailable: the runner then gives the same batch again."""
        with self._database.transaction() as tx:
            stored = snapshots.of_source(tx, FOLD, source)
            mine = _of_now(source, stored, [setup.protocol.name for setup in self._setups], self._origin_us)
            undone = undoing.latest(tx, [source]).get(source)
            from_us = undone.from_us if undone and self._clock() - (undone.done_us or 0) < LEFT_OUT_US else None
            return {setup.protocol.name: self._state(tx, source, setup, mine.get(setup.protocol.name), from_us) for setup in self._setups}

    def undone(self, sources: Sequence[str]) -> dict[str, UUID]:
        """What was undone last of each of these sources (store/undoing.py), where anything ever was: one of which that is new must begin
        again. Raises StoreError, Unavailable."""
        with self._database.transaction() as tx:
            return {source: one.id for source, one in undoing.latest(tx, sources).items()}

    def closed(self, sources: Sequence[str]) -> dict[str, int]:
        """Up to when the stored snapshots of these sources, of all their protocols, closed; see `closed`."""
        return closed(self._database, sources, [setup.protocol.name for setup in self._setups], self._origin_us)

    def _state(self, tx: Tx, source: str, setup: stage.Setup, stored: Snapshot | None, from_us: int | None) -> stage.State:
        state = _loaded(source, setup, stored, self._origin_us) or stage.begin(source, setup, from_us)
        since_us = max(state.closed_until_us, self._origin_us or 0)
        shown = [one.assessment for one in state.calm.shown]
        known = [*lying(tx, source, since_us), *standing(tx, source, since_us), *given(tx, source, shown)]
        return stage.step(state, known)[0]


def closed(database: Database, sources: Sequence[str], protocols: Sequence[str], origin_us: int | None = None) -> dict[str, int]:
    """Up to when snapshots that `SourceStart` takes closed, microseconds: of several protocols the one that is furthest behind. A source
    of which a protocol has none is absent. `origin_us` as for `SourceStart`. Raises StoreError, Unavailable."""
    found = snapshots.closed(database, FOLD, stage.VERSION, sources, protocols)
    return {source: until_us for source, until_us in found.items() if _of_this_time(until_us, origin_us)}


def _of_now(source: str, stored: Mapping[str, Snapshot], names: Sequence[str], origin_us: int | None) -> Mapping[str, Snapshot]:
    """Those of protocols `names`, without any that was not set for a while: others looked meanwhile, so that time is no gap."""
    closed_us = [one.closed_until_us for one in stored.values() if _of_this_time(one.closed_until_us, origin_us)]
    until_us = max(closed_us, default=0) - LEFT_OUT_US
    mine = {name: stored[name] for name in names if name in stored}
    left_out = [name for name, one in mine.items() if one.closed_until_us < until_us]
    if left_out:
        log.info("protocols were not set while others looked at a source; they begin it again", source=source, protocol=",".join(left_out))
    return {name: one for name, one in mine.items() if name not in left_out}


def _loaded(source: str, setup: stage.Setup, stored: Snapshot | None, origin_us: int | None) -> stage.State | None:
    """The state of a snapshot; None where there is none that this version of the fold reads, or of another time."""
    if stored is None or not _of_this_time(stored.closed_until_us, origin_us):
        return None
    name = setup.protocol.name
    if stored.fold_version != stage.VERSION:
        log.warning("a snapshot is of another version; the source begins again", source=source, protocol=name, version=stored.fold_version)
        return None
    try:
        return stage.load(stored.state, setup)
    except DataError as error:
        log.error("a snapshot can't be read; the source begins again", source=source, protocol=name, error=error)
        return None


def _of_this_time(closed_us: int, origin_us: int | None) -> bool:
    """A replay begins again before the moment that the last one reached, and long after it."""
    return origin_us is None or origin_us <= closed_us <= origin_us + LONGEST_US
