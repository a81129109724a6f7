"""The FHIR server that is set, as a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

from wince.delivery.fhir.target import FhirTarget
from wince.protocols.rules import ClinicalProtocol
from wince.serve import ehr, site
from wince.serve.checks import ehr as looked_at
from wince.serve.targets.kind import TargetKind
from wince.serve.writing import writing
from wince.settings import Settings
from wince.store import aliases, births
from wince.store.database import Database
from wince.version import VERSION


def build(settings: Settings, protocols: Mapping[str, ClinicalProtocol], stack: ExitStack, database: Database | None = None) -> FhirTarget:
    """See `kind.Build`. `database`: where the birth dates and merges are that the hospital's feed gave."""
    reached, how = ehr.client(settings, stack), writing(settings, protocols)
    born = partial(births.of, database) if database else lambda _system, _value: ""
    merges = partial(aliases.links_of, database) if database else lambda _patient, _visit: 0
    names, site_ = site.systems(settings), settings.site
    return FhirTarget(KIND.name, reached, protocols, version=VERSION, site=site_, systems=names, born=born, merges=merges, writing=how)


KIND = TargetKind("ehr", lambda settings: settings.ehr_url is not None, ehr.check, build, looked_at.check)
