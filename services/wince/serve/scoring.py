"""Composes detect and estimate for one camera: models loaded, states kept, one message in and what comes of it out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.errors import ProtocolError
from wince.models import fetch, lock, site
from wince.pipeline.detect import stage as detect
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import FaceModels
from wince.pipeline.detect.patient import Share
from wince.pipeline.estimate import stage as estimate
from wince.pipeline.estimate.activity import load_activity_scorer
from wince.pipeline.estimate.interface import Scorer
from wince.pipeline.grade.activity_personal import ActivityPersonal
from wince.pipeline.grade.interface import Personal
from wince.protocols import loader
from wince.protocols.rules import ClinicalProtocol
from wince.serve.scoring_ensemble import ensemble_scorer
from wince.serving.config import ServingSettings
from wince.settings import Settings

SCORERS: dict[str, Callable[[ClinicalProtocol, Path | None, ServingSettings | None], Scorer]] = {
    "activity": lambda _protocol, models_dir, _serving: load_activity_scorer(models_dir),
    "ensemble": ensemble_scorer,
}
"""By the protocol's estimate.scorer; each takes the protocol, the folder of the models, and where an ensemble is served."""
PERSONALS: dict[str, Callable[[], Personal]] = {"activity": ActivityPersonal}


def fetch_models(settings: Settings, progress: Callable[[str, str], None], protocol: ClinicalProtocol | None = None) -> None:
    """Make the face models present and verified, those of `protocol` too; touches the network only where one is missing."""
    wanted = (*lock.FACE_MODELS, *(protocol.estimate.models if protocol is not None else ()))
    fetch.fetch(wanted, cache_dir=settings.models_dir, progress=progress)


def scorer(protocol: ClinicalProtocol, models_dir: Path | None = None, serving: ServingSettings | None = None) -> Scorer:
    """The scorer that a protocol names, with its models from `models_dir` (None: the default cache) or from a server.

    Raises ProtocolError, by name, where the protocol needs a model that there is not; no other scorer stands in.
    """
    own = site.site_models(models_dir) if serving is None or serving.target is None else _names(protocol)
    loader.check_models(protocol, {*lock.load(), *own})
    _known(protocol)
    return SCORERS[protocol.estimate.scorer](protocol, models_dir, serving)


def personal(protocol: ClinicalProtocol) -> Personal | None:
    """The model that looks against the patient's own calm face; None where the protocol's scorer has none.

    Raises ProtocolError for an unknown scorer."""
    _known(protocol)
    make = PERSONALS.get(protocol.estimate.scorer)
    return None if make is None else make()


def _names(protocol: ClinicalProtocol) -> list[str]:
    """A server's members are checked against its manifest, not here."""
    return [member.name for member in protocol.estimate.members]


def _known(protocol: ClinicalProtocol) -> None:
    if protocol.estimate.scorer not in SCORERS:
        known = ", ".join(SCORERS)
        raise ProtocolError(
            f"unknown scorer {protocol.estimate.scorer!r}", field=f"{protocol.path} estimate.scorer", remedy=f"one of: {known}"
        )


class Chain:
    """One camera's detect and estimate. Called from one thread."""

    def __init__(self, models: FaceModels, scorer: Scorer, protocol: ClinicalProtocol, region: Share | None = None) -> None:
        self._models, self._scorer, self._protocol, self._region = models, scorer, protocol, region
        self._detect, self._estimate = detect.SourceState(), estimate.State()
        self._max_age_us = round(protocol.estimate.max_age_s * 1e6)
        self.face: Face | None = None
        """What detect gave for the last frame; None before the first."""
        self.model_set = scorer.model_set

    def anew(self) -> Chain:
        """A chain for another source with the same models, remembering nothing of this one. Use one of them at a time."""
        return Chain(self._models, self._scorer, self._protocol, self._region)

    def __call__(self, message: Frame | Beat) -> list[Estimate | Beat]:
        """What comes of one message. A file's own time is the clock: nothing of it is late."""
        now_us = message.time_us
        self._detect, faces = detect.step(self._detect, [message], now_us, self._models, self._protocol.detect, region=self._region)
        for face in faces:
            if isinstance(face, Face):
                self.face = face
        self._estimate, out = estimate.step(self._estimate, faces, now_us, self._scorer, self._max_age_us)
        return out


def build(settings: Settings, protocol: ClinicalProtocol, region: Share | None = None) -> Chain:
    """A chain with models of its own. Raises ModelFileError where a model is absent or changed."""
    folder = settings.models_dir
    scores = scorer(protocol, folder, settings.serving)
    models = load_face_models(protocol.detect.full_range, folder, protocol.detect.detector, settings.face_precision)
    return Chain(models, scores, protocol, region)
