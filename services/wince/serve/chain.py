"""Composes detect and estimate for one camera: models loaded, states kept, one message in and what comes of it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat, Frame
from wince.pipeline.detect import lineup
from wince.pipeline.detect import stage as detect
from wince.pipeline.detect.cuts import cuts
from wince.pipeline.detect.face_models import load_face_models
from wince.pipeline.detect.interface import Cut, FaceModels
from wince.pipeline.detect.patient import Share
from wince.pipeline.estimate import readers as readers_
from wince.pipeline.estimate.readers import Reader
from wince.protocols.rules import ClinicalProtocol
from wince.serve.scoring import CROP_SCORERS, reader
from wince.settings import Settings


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
