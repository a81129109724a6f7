"""The protocols that are set, and which of them looks at whom. Apart from setup.py, so that what needs no database does not load its
client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wince.domain.routing import Routing
from wince.errors import ConfigError, ProtocolError
from wince.models import site
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.settings import Settings
from wince.telemetry import logs

log = logs.get(__name__)


@dataclass(frozen=True)
class ProtocolSet:
    """Protocols that run beside each other."""

    default: ClinicalProtocol
    """The one of the setting `protocol`: without rules it looks at everybody; with rules it says so where none fits."""
    every: Mapping[str, ClinicalProtocol]
    """All of them by name, the default first."""
    routing: Routing
    recorded: Mapping[str, ClinicalProtocol]
    """Those, and every other whose file is there. The record speaks of what was graded before the settings changed: entries of a protocol
    that is set no more are still withdrawn, and nurses still answer its questions."""

    @property
    def before_us(self) -> int:
        """How much earlier a clip is read than its first window needs: members that see clips look back."""
        return max((protocol.clip.before_us for protocol in self.every.values() if protocol.clip is not None), default=0)

    @property
    def rules(self) -> dict[str, str]:
        """sha256 of the rules of each, by name."""
        return {name: protocol.rule for name, protocol in self.every.items()}

    @property
    def models(self) -> set[str]:
        """Files of the models lock that they need."""
        return {name for protocol in self.every.values() for name in protocol.estimate.models}

    def of_bed(self, bed: str) -> tuple[ClinicalProtocol, ...]:
        """Those that may have to look at a bed, for any patient; the default where no rule names it. Raises ConfigError where they
        look for faces differently: a camera's frames are searched once."""
        found = tuple(self.every[name] for name in self.routing.candidates(bed)) or (self.default,)
        for other in found[1:]:
            if key := found[0].detect.apart(other.detect):
                values = [f"{protocol.name!r} has {getattr(protocol.detect, key)!r}" for protocol in (found[0], other)]
                raise ConfigError(
                    f"two protocols of one bed look for faces differently: {', '.join(values)}",
                    field=f"detect.{key} (bed {bed})",
                    remedy=f"give both the same {key} in a protocol of the site's own, or route them to different beds",
                )
        return found


def folders(settings: Settings) -> tuple[Path, ...]:
    """Folders with protocols, the site's first."""
    return loader.folders(settings.protocol_dir)


def default(settings: Settings) -> ClinicalProtocol:
    """The protocol of the setting `protocol`, with every model that it needs in the lock, of the site's own, or on a server (which its
    manifest says)."""
    return _loaded(settings, settings.protocol, "protocol")


def protocol_set(settings: Settings) -> ProtocolSet:
    """The default and every protocol that a rule names, each as `default` checks it, and together.

    Raises ProtocolError, ConfigError for what can't run, or can't run beside another.
    """
    first = default(settings)
    every = {first.name: first}
    for index, rule in enumerate(settings.routing):
        if rule.protocol not in every:
            every[rule.protocol] = _loaded(settings, rule.protocol, f"routing[{index}].protocol")
    routing = routes(settings, every)
    made = ProtocolSet(first, every, routing, {**_others(settings), **every})
    _one_server(settings, made)
    for camera in settings.cameras:
        made.of_bed(camera.bed)
    return made


def routes(settings: Settings, every: Mapping[str, ClinicalProtocol]) -> Routing:
    """The settings' rules with what these protocols say of whom they may judge."""
    populations = {name: protocol.population for name, protocol in every.items()}
    return Routing(settings.protocol, tuple(rule.rule() for rule in settings.routing), populations)


def _loaded(settings: Settings, name: str, field: str) -> ClinicalProtocol:
    try:
        loaded = loader.load(name, folders(settings))
    except ProtocolError as error:
        if field == "protocol" or error.field != f"protocol={name}":
            raise
        raise ProtocolError(error.message, field=field, remedy=error.remedy) from None
    served = () if settings.serving.target is None else [member.name for member in loaded.estimate.members]
    loader.check_models(loaded, {*site.known(settings.models_dir), *served})
    return loaded


def _others(settings: Settings) -> dict[str, ClinicalProtocol]:
    """Every protocol that there is, whether or not it can run here; one that can't be read is logged."""
    found = {}
    for name, path in loader.available(folders(settings)).items():
        try:
            found[name] = loader.read(path)
        except ProtocolError as error:
            log.warning("a protocol that isn't set can't be read", error=error)
    return found


def _one_server(settings: Settings, made: ProtocolSet) -> None:
    """An archive holds the members of one protocol."""
    served = [protocol.name for protocol in made.every.values() if protocol.estimate.members]
    if settings.serving.target is not None and len(served) > 1:
        what = f"a server holds the members of one protocol, these are several: {', '.join(served)}"
        remedy = "leave serving.target out: the members then run in the processes; or route to one of them"
        raise ConfigError(what, field="serving.target", remedy=remedy)
