"""Which scorer and which personal model a protocol names, and their model sets. Looks at no picture: grade needs no decoder for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wince.domain.ids import site_namespace
from wince.errors import ProtocolError
from wince.models import activity, fetch, lock, site
from wince.pipeline.estimate.activity import activity_model_set, load_activity_scorer
from wince.pipeline.estimate.interface import Scorer
from wince.pipeline.estimate.readers import Reader
from wince.pipeline.grade.activity_personal import ActivityPersonal
from wince.pipeline.grade.activity_personal import personal_model_set as personal_model_set_of
from wince.pipeline.grade.interface import Personal
from wince.pipeline.grade.state import Setup
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.serve.protocols import ProtocolSet
from wince.serving.config import ServingSettings
from wince.settings import Settings


def _ensemble(protocol: ClinicalProtocol, models_dir: Path | None, serving: ServingSettings | None) -> Scorer:
    from wince.serve.scoring_ensemble import ensemble_scorer  # brings gRPC: a tenth of what a clip without members imports

    return ensemble_scorer(protocol, models_dir, serving)


def _ensemble_set(protocol: ClinicalProtocol, models_dir: Path | None, serving: ServingSettings | None) -> str:
    from wince.serve.scoring_ensemble import ensemble_model_set

    return ensemble_model_set(protocol, models_dir, serving)


SCORERS: dict[str, Callable[[ClinicalProtocol, Path | None, ServingSettings | None], Scorer]] = {
    "activity": lambda _protocol, models_dir, _serving: load_activity_scorer(models_dir),
    "ensemble": _ensemble,
}
"""By the protocol's estimate.scorer; each takes the protocol, the folder of the models, and where an ensemble is served."""
MODEL_SETS: dict[str, Callable[[ClinicalProtocol, Path | None, ServingSettings | None], str]] = {
    "activity": lambda _protocol, _models_dir, _serving: activity_model_set(activity.sha256()),
    "ensemble": _ensemble_set,
}
"""The model set of each, without loading it."""
CROP_SCORERS = {"ensemble"}
"""Those that look at the crop; the others' faces go without its JPEG where detect and estimate share a process."""
PERSONALS: dict[str, Callable[[], Personal]] = {"activity": ActivityPersonal}
PERSONAL_SETS: dict[str, Callable[[], str]] = {"activity": lambda: personal_model_set_of(activity.sha256())}
"""The model set of each, without loading it."""


def fetch_models(settings: Settings, progress: Callable[[str, str], None], *protocols: ClinicalProtocol) -> None:
    """Make the face models present and verified, those of `protocols` too; touches the network only where one is missing."""
    wanted = (*lock.FACE_MODELS, *(name for protocol in protocols for name in protocol.estimate.models))
    fetch.fetch(wanted, cache_dir=settings.models_dir, progress=progress)


def scorer(protocol: ClinicalProtocol, models_dir: Path | None = None, serving: ServingSettings | None = None) -> Scorer:
    """The scorer that a protocol names, with its models from `models_dir` (None: the default cache) or from a server.

    Raises ProtocolError, by name, where the protocol needs a model that there is not; no other scorer stands in.
    """
    _check(protocol, models_dir, serving)
    return SCORERS[protocol.estimate.scorer](protocol, models_dir, serving)


def model_set(protocol: ClinicalProtocol, models_dir: Path | None = None, serving: ServingSettings | None = None) -> str:
    """`model_set` (hex) of `scorer`, from hashes alone: no model is loaded. Raises as `scorer`."""
    _check(protocol, models_dir, serving)
    return MODEL_SETS[protocol.estimate.scorer](protocol, models_dir, serving)


def personal_model_set(protocol: ClinicalProtocol) -> str:
    """`model_set` (hex) of `personal`, from hashes alone; empty where there is none. Raises ProtocolError for an unknown scorer."""
    _known(protocol)
    make = PERSONAL_SETS.get(protocol.estimate.scorer)
    return "" if make is None else make()


def personal(protocol: ClinicalProtocol) -> Personal | None:
    """The model that looks against the patient's own calm face; None where the protocol's scorer has none.

    Raises ProtocolError for an unknown scorer."""
    _known(protocol)
    make = PERSONALS.get(protocol.estimate.scorer)
    return None if make is None else make()


def _check(protocol: ClinicalProtocol, models_dir: Path | None, serving: ServingSettings | None) -> None:
    own = site.site_models(models_dir) if serving is None or serving.target is None else _names(protocol)
    loader.check_models(protocol, {*lock.load(), *own})
    _known(protocol)


def _names(protocol: ClinicalProtocol) -> list[str]:
    """A server's members are checked against its manifest, not here."""
    return [member.name for member in protocol.estimate.members]


def _known(protocol: ClinicalProtocol) -> None:
    if protocol.estimate.scorer not in SCORERS:
        known = ", ".join(SCORERS)
        raise ProtocolError(
            f"unknown scorer {protocol.estimate.scorer!r}", field=f"{protocol.path} estimate.scorer", remedy=f"one of: {known}"
        )


def setups(protocols: ProtocolSet, site: str) -> list[Setup]:
    """What grade needs for each protocol that is set. Raises ProtocolError for an unknown scorer."""
    namespace = site_namespace(site)
    return [Setup(protocol, namespace, personal(protocol), protocols.routing) for protocol in protocols.every.values()]


def reader(settings: Settings, protocol: ClinicalProtocol, serving: ServingSettings | None = None) -> Reader:
    """Who reads faces for a protocol. `serving`: instead of the settings'. Raises as `scorer`."""
    made = scorer(protocol, settings.models_dir, serving or settings.serving)
    return Reader(protocol.name, made, round(protocol.estimate.max_age_s * 1e6), protocol.rule)
