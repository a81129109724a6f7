"""The protocols that are set. Apart from setup.py, so that what needs no database does not load its client."""

from __future__ import annotations

from pathlib import Path

from wince.models import site
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.settings import Settings


def folders(settings: Settings) -> tuple[Path, ...]:
    """Folders with protocols, the site's first."""
    return loader.folders(settings.protocol_dir)


def default(settings: Settings) -> ClinicalProtocol:
    """The protocol of the setting `protocol`, with every model that it needs in the lock, of the site's own, or on a server (which its
    manifest says)."""
    loaded = loader.load(settings.protocol, folders(settings))
    served = () if settings.serving.target is None else [member.name for member in loaded.estimate.members]
    loader.check_models(loaded, {*site.known(settings.models_dir), *served})
    return loaded
