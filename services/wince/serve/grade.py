"""`wince serve grade`: estimates, stays and what people decide from the bus, folded; assessments back onto it.

The snapshot of a source travels with the assessments and is stored by record in the same transaction, so that a window is never in
the record while the state that knows of it is not. A successor takes the snapshot from Postgres and asks it who lies there; the
position that it reads on from is that of the oldest input which no stored snapshot covers.
"""

from __future__ import annotations

from collections.abc import Sequence

from wince.care.events import standing
from wince.domain.ids import site_namespace
from wince.errors import DataError
from wince.models import lock
from wince.pipeline.grade import stage
from wince.pipeline.grade.servicer import GradeServicer, Setups, registration
from wince.protocols import loader
from wince.runners.grade import Grading
from wince.serve import protocol as rules
from wince.serve import scoring
from wince.serve.service import LONGEST_US, Deps, Service, wall_us
from wince.store import snapshots
from wince.store.answers import given
from wince.store.telling import lying
from wince.telemetry import logs

log = logs.get(__name__)


def build(deps: Deps) -> Service:
    """The service."""
    begin = Begin(deps)
    database = deps.database

    def closed(sources: Sequence[str]) -> dict[str, int]:
        return snapshots.closed(database, "grade", sources)

    return Service("grade", [Grading(deps.bus, begin, wall_us, closed)], [registration(GradeServicer(_setups(deps)))])


def _setups(deps: Deps) -> Setups:
    """For whoever brings their own estimates: any protocol that is there, with ids of this site."""
    settings = deps.settings

    def of(name: str) -> stage.Setup:
        protocol = loader.load(name, rules.protocol_folders(settings), models=lock.load().keys())
        return stage.Setup(protocol, site_namespace(settings.site), scoring.personal(protocol))

    return of


class Begin:
    """A source's state: from its stored snapshot, else new; told who lies there and what people decided."""

    def __init__(self, deps: Deps) -> None:
        self._database, self._replay_us = deps.database, deps.replay_us
        protocol = deps.protocol
        self._setup = stage.Setup(protocol, site_namespace(deps.settings.site), scoring.personal(protocol))

    def __call__(self, source: str) -> stage.State:
        """Raises StoreError, Unavailable: the same batch comes again."""
        with self._database.transaction() as tx:
            found = snapshots.one(tx, "grade", source)
            state = stage.begin(source, self._setup)
            if found is not None and found.fold_version == stage.VERSION and self._of_this_time(found.closed_until_us):
                try:
                    state = stage.load(found.state, self._setup)
                except DataError as error:
                    log.error("a snapshot can't be read; the source begins anew", source=source, error=error)
            since_us = max(state.closed_until_us, self._replay_us or 0)
            shown = [one.assessment for one in state.calm.shown]
            known = [*lying(tx, source, since_us), *standing(tx, source, since_us), *given(tx, source, shown)]
            return stage.step(state, known, since_us)[0]

    def _of_this_time(self, closed_us: int) -> bool:
        """A replay begins anew before the moment that the last one reached, and after it."""
        return self._replay_us is None or self._replay_us <= closed_us <= self._replay_us + LONGEST_US
