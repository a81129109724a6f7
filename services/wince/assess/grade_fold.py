"""One input's estimates through grade: the windows as `wince run` gives them, a row per frame, and the same without a calm face."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wince.assess.result import FrameRow
from wince.domain.assessment import Alert, Assessment, Question
from wince.domain.estimate import UNITS, Estimate, Reading
from wince.domain.frame import US, Beat
from wince.domain.ids import site_namespace
from wince.domain.reason import Reason
from wince.pipeline.grade import stage as grade
from wince.pipeline.grade.calm import Calm
from wince.pipeline.grade.closing import doubt
from wince.pipeline.grade.interface import Personal
from wince.protocols.rules import ClinicalProtocol

NOTHING: tuple[float | None, ...] = (None,) * len(UNITS)


class PersonalRecorder:
    """A personal model (port `wince.pipeline.grade.interface.Personal`) that remembers what it answered for the last window.

    `reference`: the calm face that the user gave. It takes the place of whatever calm face is asked about, and nothing is learned.
    """

    def __init__(self, personal: Personal, reference: NDArray[np.float32] | None) -> None:
        self._personal, self._reference = personal, reference
        self.model_set = personal.model_set
        self.answers: list[Reading] = []

    def read(self, embeddings: NDArray[np.float32], calm: NDArray[np.float32]) -> list[Reading]:
        """embeddings: (n, k) float32; calm: (k,) float32."""
        self.answers = self._personal.read(embeddings, calm if self._reference is None else self._reference)
        return self.answers

    def at_rest(self, embeddings: NDArray[np.float32]) -> NDArray[np.bool_]:
        """embeddings: (n, k) float32. (n,); all False with a reference: no frame may teach another calm face."""
        if self._reference is not None:
            return np.zeros(len(embeddings), np.bool_)
        return self._personal.at_rest(embeddings)


class GradeFold:
    """Grade's fold over one input, and its frames as rows.

    A row carries the number that its window was graded by: from the window on in which the calm face is known, that against the
    calm face. So the median of a window's rows is the window's median.
    """

    def __init__(
        self, protocol: ClinicalProtocol, source: str, site: str, personal: Personal | None, reference: NDArray[np.float32] | None = None
    ) -> None:
        """`personal` None: no calm face is used or learned. `reference`: (k,) the user's calm face, used from the first frame on."""
        self._protocol = protocol
        self._recorder = None if personal is None else PersonalRecorder(personal, reference)
        self._state = grade.begin(source, grade.Setup(protocol, site_namespace(site), self._recorder))
        if reference is not None:
            self._state = replace(self._state, calm=Calm(None, protocol.grade.calm.min_frames, (reference,)))
        self._waiting: list[Estimate] = []
        self.rows: list[FrameRow] = []
        self.assessments: list[Assessment] = []
        self.alerts: list[Alert] = []
        self.questions: list[Question] = []

    def take(self, message: Estimate | Beat) -> list[FrameRow]:
        """Fold one message; gives the rows that it made certain (a window's, when it closes), which are appended to `rows`, too."""
        before = self._state
        self._state, events = grade.step(before, [message])
        for event in events:
            if isinstance(event, Assessment):
                self.assessments.append(event)
            elif isinstance(event, Alert):
                self.alerts.append(event)
            else:
                self.questions.append(event)
        made = self._settle() if grade.snapshot_due(before, self._state) else []
        if isinstance(message, Estimate):
            self._waiting.append(message)
        return made

    def _settle(self) -> list[FrameRow]:
        """The frames of the window that closed become rows."""
        answers: Sequence[Reading] = () if self._recorder is None else self._recorder.answers
        if self._recorder is not None:
            self._recorder.answers = []
        faces = [one for one in self._waiting if one.reason is None]
        readings = [one.reading for one in faces] if len(answers) != len(faces) else answers
        by_time = {one.time_us: reading for one, reading in zip(faces, readings, strict=True)}
        made = [row(one, by_time.get(one.time_us), self._protocol) for one in self._waiting]
        self._waiting = []
        self.rows += made
        return made


def row(estimate: Estimate, reading: Reading | None, protocol: ClinicalProtocol) -> FrameRow:
    """An estimate as a row, with the reading it is graded by; without numbers where it isn't assessable, without a grade where the
    number isn't believed."""
    time_s, reason = estimate.time_us / US, estimate.reason
    if reason is None and (reading is None or not math.isfinite(reading.score)):
        reason = Reason.UNCERTAIN
    if reason is not None or reading is None:
        return unseen(time_s, reason)
    unsure, pose = doubt(reading.score, reading.confidence, reading.smile, protocol.grade), estimate.pose
    grade_ = None if unsure is not None else protocol.scale.grade(reading.score)
    return FrameRow(
        time_s, True, unsure, float(reading.score), grade_, float(reading.confidence),
        tuple(None if math.isnan(value) else float(value) for value in reading.units.tolist()),
        *((float(pose.yaw), float(pose.pitch), float(pose.roll)) if pose is not None else (None, None, None)),
    )  # fmt: skip


def unseen(time_s: float, reason: Reason | None) -> FrameRow:
    """A row without numbers."""
    return FrameRow(time_s, False, reason, None, None, None, NOTHING, None, None, None)
