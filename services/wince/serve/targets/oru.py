"""The HL7 v2 receiver that is set, as a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from wince.delivery.oru.target import OruTarget
from wince.protocols.rules import ClinicalProtocol
from wince.serve import oru
from wince.serve.checks import oru as looked_at
from wince.serve.targets.kind import TargetKind
from wince.settings import Settings
from wince.store.database import Database


def build(settings: Settings, protocols: Mapping[str, ClinicalProtocol], stack: ExitStack, _database: Database | None = None) -> OruTarget:
    """See `kind.Build`."""
    reached = oru.channel(settings)
    stack.callback(reached.close)
    return OruTarget(KIND.name, reached, protocols, oru.writing(settings, protocols), at_once=settings.oru_connections)


KIND = TargetKind("oru", lambda settings: bool(settings.oru_address), oru.check, build, looked_at.check)
