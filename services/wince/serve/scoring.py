"""Composes detect and estimate for one camera: models loaded, states kept, one message in and what comes of it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.domain.ids import site_namespace
from wince.errors import ProtocolError
from wince.models import activity, fetch, lock, site
from wince.pipeline.detect import lineup
from wince.pipeline.detect import stage as detect
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import Cut, FaceModels
from wince.pipeline.detect.patient import Share
from wince.pipeline.estimate import readers as readers_
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


class Chain:
    """One camera's detect and estimate, for every protocol that may look at it. Called from one thread."""

    def __init__(
        self,
        models: FaceModels,
        cuts: Sequence[Cut],
        readers: Sequence[Reader],
        region: Share | None = None,
        wanted: int | None = None,
    ) -> None:
        """`readers`: one for each protocol of the `cuts`, at least one. `wanted`: the patient's face by its number in the line-up."""
        self._models, self._cuts, self._readers, self._region = models, tuple(cuts), tuple(readers), region
        self._detect = detect.SourceState()
        self._estimate: readers_.States = {}
        self.face: Face | None = None
        """What detect gave for the last frame, as the first protocol cuts it; None before the first."""
        self.model_set = self._readers[0].scorer.model_set
        """Of the first protocol."""
        self.lineup: lineup.Lineup = ()
        """The faces that were seen, numbered."""
        self._wanted = wanted

    def anew(self, region: Share | None = None, wanted: int | None = None) -> Chain:
        """A chain for another source with the same models, remembering nothing of this one. Use one of them at a time."""
        return Chain(self._models, self._cuts, self._readers, region or self._region, wanted)

    def __call__(self, message: Frame | Beat) -> list[Estimate | Beat]:
        """What comes of one message. A file's own time is the clock: nothing of it is late."""
        now_us = message.time_us
        faces = self._looked(message)
        if isinstance(faces[0], Face):
            self.face = faces[0]
        self._estimate, out = readers_.step(self._estimate, faces, now_us, self._readers)
        return [message for messages in out for message in messages]

    def _looked(self, message: Frame | Beat) -> list[Face | Beat]:
        """What detect says of a message. Until the wanted face was seen, no other is taken for the patient's."""
        self._detect, faces = detect.step(self._detect, [message], message.time_us, self._models, self._cuts, region=self._region)
        if isinstance(message, Beat):
            return faces
        self.lineup = lineup.seen(self.lineup, self._detect, message)
        if self._wanted is None:
            return faces
        state = lineup.chosen(self.lineup, self._wanted, self._detect, message)
        if state is None:
            return [*lineup.withheld([one for one in faces if isinstance(one, Face)])]
        self._wanted = None
        self._detect, faces = detect.step(state, [message], message.time_us, self._models, self._cuts, region=self._region)
        return faces


def build(settings: Settings, protocols: Sequence[ClinicalProtocol], region: Share | None = None) -> Chain:
    """A chain with models of its own. Raises ModelFileError where a model is absent or changed, ConfigError where these protocols look for
    faces differently."""
    limits = protocols[0].detect
    wanted = cuts({protocol.name: protocol.detect for protocol in protocols})
    seers = {protocol.name for protocol in protocols if protocol.estimate.scorer in CROP_SCORERS}
    wanted = tuple(replace(cut, encoded=not seers.isdisjoint(cut.protocols)) for cut in wanted)
    models = load_face_models(limits.full_range, settings.models_dir, limits.detector, settings.face_precision)
    return Chain(models, wanted, [reader(settings, protocol) for protocol in protocols], region)


def reader(settings: Settings, protocol: ClinicalProtocol, serving: ServingSettings | None = None) -> Reader:
    """Who reads faces for a protocol. `serving`: instead of the settings'. Raises as `scorer`."""
    made = scorer(protocol, settings.models_dir, serving or settings.serving)
    return Reader(protocol.name, made, round(protocol.estimate.max_age_s * 1e6), protocol.rule)
