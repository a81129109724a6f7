"""The image archive that is set, as a target."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC
from functools import partial
from zoneinfo import ZoneInfo

from wince.delivery.site_code import SiteCode
from wince.delivery.sr.evidence import of_camera
from wince.delivery.sr.report import Writing
from wince.delivery.sr.target import SrTarget, Ways
from wince.dicom.scu.commitment import Heard
from wince.protocols.rules import ClinicalProtocol
from wince.serve import archive
from wince.serve.checks import archive as looked_at
from wince.serve.evidence import finder
from wince.serve.targets.kind import TargetKind
from wince.settings import Settings
from wince.store import births
from wince.store.database import Database
from wince.version import VERSION


def build(settings: Settings, protocols: Mapping[str, ClinicalProtocol], stack: ExitStack, database: Database | None = None) -> SrTarget:
    """See `kind.Build`. `database`: where the birth dates are that the hospital's feed gave, and the objects that came by DICOM."""
    heard = Heard()
    codes = tuple(SiteCode(one.protocol, one.system, one.code, one.display) for one in settings.ehr_codes)
    made = SrTarget(
        archive.archive(settings, stack, heard=heard),
        protocols,
        Writing(KIND.name, settings.site, VERSION, codes, settings.ehr_standing),
        Ways(
            (settings.archive_organization or settings.site)[:64],
            zone=ZoneInfo(settings.time_zone) if settings.time_zone else UTC,
            key_objects=settings.archive_key_objects,
            rejects=settings.archive_rejects,
            commit_s=settings.archive_commitment_wait_s if settings.archive_commitment else 0.0,
        ),
        born=partial(births.of, database) if database else lambda _system, _value: "",
        find=finder(database) if database else of_camera,
        heard=heard,
        listener=archive.listener(settings, heard.tell),
    )
    stack.callback(made.stop)
    return made


KIND = TargetKind("archive", lambda settings: settings.archive_url is not None, archive.check, build, looked_at.check)
