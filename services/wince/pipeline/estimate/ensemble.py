"""The scorer of protocols whose members a site trained: classifiers of the crop, embedded or on a server, and the smile besides.

    number       the fused label's grade: the lowest score of its band; on a scale of probability (0-1) that of the last class
    confidence   the fused probability of the label
    units        not measured
    smile        of the face mesh (see `wince.models.activity`): patients smile in pain, and no member knows that

The source of the members' answers gives all of them or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wince.domain.clip import Clip
from wince.domain.estimate import UNITS, Reading
from wince.domain.face import Face
from wince.domain.fusion import label
from wince.domain.reason import Reason
from wince.domain.scales import Scale
from wince.errors import WinceError
from wince.models.ensemble import Answer, Status
from wince.pipeline.estimate.interface import Score, Scorer
from wince.pipeline.estimate.ration import Ration

UNKNOWN = np.full(len(UNITS), np.nan, np.float32)


@dataclass(frozen=True, slots=True)
class Member:
    """One member, as listed for a client that asks what is in use."""

    name: str
    sha256: str
    """Of its file, hex."""
    ready: bool


class Members(Protocol):
    """Who asks the members: `wince.models.ensemble.Ensemble`, or `served.ServedMembers`. One instance per thread."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """sha256 (hex) by member."""
        ...

    @property
    def ready(self) -> bool:
        """Whether all of them answered last time as they should."""
        ...

    @property
    def fault(self) -> WinceError | None:
        """Why nothing is scored; None where all is well, or nobody asked yet."""
        ...

    def answer(self, crops: Sequence[bytes], clips: Sequence[Sequence[int]] = ()) -> Answer | None:
        """One row per JPEG crop, in order; where members see clips, one per clip (the indices of its crops). None: a member is missing or
        another than expected, nothing may be scored.

        Raises Unavailable where a server does not answer."""
        ...


class EnsembleScorer:
    """See the module's head and the port."""

    def __init__(
        self, members: Members, smiles: Scorer, scale: Scale, classes: Sequence[str], model_set: str, ration: Ration | None = None
    ) -> None:
        """smiles: scores the same faces; only its smile is used. classes: of the members, names of the scale's bands, in their order.
        ration: which faces may be asked for at all; None: every one."""
        bands = {band.name: band.min for band in scale.grades}
        self._scores = [bands[name] for name in classes]
        self._probability = len(classes) == 2 and (scale.low, scale.high) == (0.0, 1.0)
        self._members, self._smiles, self._ration = members, smiles, ration
        self.model_set = model_set

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """LATE beyond the ration, GAP while a member is missing, UNCERTAIN where a crop or the mesh can't be read."""
        return self._asked(faces, lambda chosen: self._members.answer([faces[index].crop for index in chosen]))

    def _asked(self, faces: Sequence[Face], ask: Callable[[list[int]], Answer | None]) -> list[Score]:
        scores = [Score(None, Reason.LATE)] * len(faces)
        with nullcontext(list(range(len(faces)))) if self._ration is None else self._ration.spent_on(faces) as chosen:
            asked = [faces[index] for index in chosen]
            answer = ask(chosen) if asked else None
        smiles = self._smiles.score(asked) if answer is not None else []
        for row, index in enumerate(chosen):
            scores[index] = Score(None, Reason.GAP) if answer is None else self._one(answer, row, smiles[row])
        return scores

    @property
    def fault(self) -> WinceError | None:
        """Why nothing is scored, as the members last said; None where all is well."""
        return self._members.fault

    @property
    def asked(self) -> tuple[Members, Scorer]:
        """Who is asked for each face: the members, and who reads the smile. For a golden inference at the start."""
        return self._members, self._smiles

    def members(self) -> list[Member]:
        """The members in use."""
        return [Member(name, digest, self._members.ready) for name, digest in self._members.hashes.items()]

    def _one(self, answer: Answer, row: int, smile: Score) -> Score:
        if answer.status[row] != Status.OK or smile.reading is None:
            return Score(None, Reason.UNCERTAIN)
        fused = answer.fused[row].astype(np.float64)
        best = label(fused)
        score = float(fused[-1]) if self._probability else self._scores[best]
        reading = Reading(score, min(1.0, float(fused[best])), UNKNOWN.copy(), smile.reading.smile)
        rows = {name: tuple(map(_share, table[row])) for name, table in answer.members.items()}
        return Score(reading, probabilities=rows)


class ClipEnsembleScorer(EnsembleScorer):
    """An ensemble of which members see clips; see `interface.ClipScorer`."""

    def __init__(
        self,
        members: Members,
        smiles: Scorer,
        scale: Scale,
        classes: Sequence[str],
        model_set: str,
        clip: Clip,
        ration: Ration | None = None,
    ) -> None:
        super().__init__(members, smiles, scale, classes, model_set, ration)
        self.clip = clip

    def score(self, faces: Sequence[Face]) -> list[Score]:
        """GAP: a face alone is no clip."""
        return [Score(None, Reason.GAP)] * len(faces)

    def score_clips(self, faces: Sequence[Face], clips: Sequence[Sequence[bytes]]) -> list[Score]:
        """As `score` of an ensemble of crops; UNCERTAIN also where another crop of the clip can't be read. A crop that several clips
        share is sent once."""

        def ask(chosen: list[int]) -> Answer | None:
            places: dict[bytes, int] = {}
            rows = [[places.setdefault(crop, len(places)) for crop in clips[index]] for index in chosen]
            return self._members.answer(list(places), rows)

        return self._asked(faces, ask)


def _share(value: np.float32) -> float:
    return min(1.0, max(0.0, float(value)))
