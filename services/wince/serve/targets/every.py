"""All targets that an installation sets: the one list that writing, delivering, checking and looking start from."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from wince.delivery.interface import Target, distinct
from wince.errors import ConfigError
from wince.protocols.rules import ClinicalProtocol
from wince.serve.targets import archive, fhir, oru
from wince.serve.targets.kind import TargetKind
from wince.settings import Settings
from wince.store.database import Database
from wince.telemetry import logs

log = logs.get(__name__)

KINDS: tuple[TargetKind, ...] = (fhir.KIND, oru.KIND, archive.KIND)
"""Every kind of target that there is. A new one is a file beside `fhir.py` and its line here."""


def set_kinds(settings: Settings) -> list[TargetKind]:
    """The kinds that the settings name, in the order of KINDS."""
    return [kind for kind in KINDS if kind.is_set(settings)]


def targets(
    settings: Settings, protocols: Mapping[str, ClinicalProtocol], stack: ExitStack, database: Database | None = None
) -> list[Target]:
    """Every system that entries are delivered to; none where none is set. `stack` closes their connections. `database`: where the
    hospital's feed is kept.

    Raises ConfigError where it can't be meant so; nothing is connected to.
    """
    made = distinct([kind.build(settings, protocols, stack, database) for kind in set_kinds(settings)])
    if not made:
        log.warning("no target is set: entries stay in Wince's own tables", field="WINCE_EHR_URL, WINCE_ORU_ADDRESS, WINCE_ARCHIVE_URL")
    return made


def check(settings: Settings) -> None:
    """Raises ConfigError for the first thing that a target's settings contradict; nothing is connected to."""
    for kind in set_kinds(settings):
        kind.check(settings)


def require(settings: Settings) -> None:
    """Raises ConfigError where no target is set, or as `check`."""
    if not set_kinds(settings):
        raise ConfigError("no target is set, so nothing was written anywhere", field="WINCE_EHR_URL", remedy="name where entries go")
    check(settings)
