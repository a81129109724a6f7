"""What a kind of target says of itself: how settings name it, what is wrong with them, and how it is built and looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from wince.delivery.interface import Target
from wince.protocols.rules import ClinicalProtocol
from wince.serve.checks.finding import Check
from wince.settings import Settings
from wince.store.database import Database

Build = Callable[[Settings, Mapping[str, ClinicalProtocol], ExitStack, Database | None], Target]
"""Makes the target from settings. `stack` closes its connections; nothing is connected to. Database: where the hospital's feed is kept;
None: nothing of it is known. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class TargetKind:
    """One kind of target: a FHIR server, an HL7 receiver, an archive. An installation sets at most one of each."""

    name: str
    """Of the target in outbox rows, the audit trail and metrics, and of its findings in `wince doctor`. Never changed."""
    is_set: Callable[[Settings], bool]
    check: Callable[[Settings], object]
    """Raises ConfigError where the settings of this kind, which is set, contradict each other. Reads files; connects to nothing."""
    build: Build
    look: Check
    """What `wince doctor` and `wince config check` try; nothing where the kind is not set."""
