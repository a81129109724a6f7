"""`wince serve grade`: estimates, stays and what people decide from the bus, folded; assessments back onto it.

The snapshot of a source travels with the assessments and is stored by record in the same transaction, so that a window is never in
the record while the state that knows of it is not. A successor takes the snapshot from Postgres and asks it who lies there; the
position that it reads on from is that of the oldest input which no stored snapshot covers.
"""

from __future__ import annotations

from wince.domain.ids import site_namespace
from wince.models import lock
from wince.pipeline.grade import stage
from wince.pipeline.grade.servicer import GradeServicer, Setups, registration
from wince.protocols import loader
from wince.runners.grade import Grading
from wince.serve import protocols, scoring
from wince.serve.ahead import ahead
from wince.serve.begin import SourceStart
from wince.serve.service import Deps, Service


def build(deps: Deps) -> Service:
    """The service."""
    begin = SourceStart(deps.database, scoring.setups(deps.protocols, deps.settings.site), deps.replay_us)
    protocols_set, bound = deps.protocols, ahead(deps.settings, deps.replay_us, database=deps.database)
    grading = Grading(
        deps.bus, begin, begin.closed, default=protocols_set.default.name, ahead=bound, rules=protocols_set.rules, undone=begin.undone
    )
    return Service("grade", [grading], [registration(GradeServicer(_setups(deps)))])


def _setups(deps: Deps) -> Setups:
    """For clients that bring their own estimates: any protocol that is there, with ids of this site."""
    settings = deps.settings

    def of(name: str) -> stage.Setup:
        protocol = loader.load(name, protocols.folders(settings), models=lock.load().keys())
        return stage.Setup(protocol, site_namespace(settings.site), scoring.personal(protocol))

    return of
