"""From the messages of one input to its result: grade's fold with and without the user's calm face, counts, key frames, notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from wince.assess import reading
from wince.assess.grade_fold import GradeFold
from wince.assess.inputs.reference import CalmFace, Reference, calm_of
from wince.assess.pictures import Pictures
from wince.assess.result import ClipResult, FrameRow
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import US, Beat, Frame
from wince.domain.lasting import too_dim
from wince.domain.reason import Reason
from wince.errors import WinceError
from wince.protocols.rules import ClinicalProtocol


class ResultBuilder:
    """Takes the messages of one input and gives its result. With a stretch of itself as the reference, what comes before its end waits."""

    def __init__(
        self, protocol: ClinicalProtocol, model_set: str, source: str, fold: Callable[[CalmFace | None], GradeFold], pictures: bool
    ) -> None:
        """`fold`: begins grade's fold over the input, against a calm face or as `wince run` does. `pictures`: keep key frames."""
        self._protocol, self._model_set, self._source, self._new_fold = protocol, model_set, source, fold
        self._waiting: list[Estimate | Beat] = []
        self._main: GradeFold | None = None
        self._plain: GradeFold | None = None
        self._calm: CalmFace | None = None
        self._pictures = Pictures(protocol.detect.rate_hz) if pictures else None
        self._faces = self._end_us = 0

    def begin(self, calm: CalmFace | None) -> None:
        """The calm face is known (or there is none): fold what waited."""
        self._calm = calm
        self._main = self._new_fold(calm)
        self._plain = self._main if calm is None else self._new_fold(None)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self._fold(one)

    def see(self, frame: Frame, face: Face | None) -> None:
        """A frame, with what detect saw in it."""
        if face is not None:
            self._faces = max(self._faces, face.seen)
        if self._pictures is not None:
            self._pictures.take(frame, face)

    def take(self, message: Estimate | Beat, stretch: Reference | None) -> None:
        """One message of estimate."""
        if isinstance(message, Beat):
            self._end_us = max(self._end_us, message.time_us)
        if self._main is not None:
            self._fold(message)
            return
        self._waiting.append(message)
        if stretch is not None and message.time_us >= stretch.end_us:
            self._close_stretch(stretch)

    def _close_stretch(self, stretch: Reference) -> None:
        """The calm face of a stretch of the input itself. Raises InputError where no face is assessable in it."""
        inside = [one for one in self._waiting if isinstance(one, Estimate) and stretch.start_us <= one.time_us < stretch.end_us]
        where = f"{stretch.start_us / US:g}-{stretch.end_us / US:g} s"
        self.begin(calm_of(inside, where, self._protocol.grade.calm.max_score))

    def _fold(self, message: Estimate | Beat) -> None:
        assert self._main is not None
        assert self._plain is not None
        made = self._main.take(message)
        if self._plain is not self._main:
            self._plain.take(message)
        if self._pictures is not None and made:
            self._pictures.settle(made)

    def result(self, path: Path, still: bool, stretch: Reference | None, *, lost_us: int = 0) -> ClipResult:
        """Everything that the input came to. `lost_us`: how long the pictures last that had no time of their own to be sampled at."""
        if self._main is None and stretch is not None:
            self._close_stretch(stretch)
        main, plain, protocol = self._main, self._plain, self._protocol
        assert main is not None
        assert plain is not None
        if still:
            return self._picture(path, main, plain)
        lost = round(protocol.detect.rate_hz * lost_us / US)
        expected = max(len(main.rows), round(protocol.detect.rate_hz * self._end_us / US), 1) + lost
        reasons: dict[Reason, int] = {Reason.GAP: lost} if lost else {}
        for window in main.assessments:
            for reason, count in window.reasons.items():
                reasons[reason] = reasons.get(reason, 0) + count
        done = self._done(path, False, tuple(main.rows), reading.ordered(reasons), sum(one.assessable for one in main.rows) / expected)
        done = replace(
            done,
            duration_s=self._end_us / US,
            assessments=tuple(main.assessments),
            alerts=tuple(main.alerts),
            questions=tuple(main.questions),
            plain=reading.of_clip(plain.rows, plain.assessments, protocol),
            personal=None if self._calm is None else reading.of_clip(main.rows, main.assessments, protocol),
        )
        notes: list[str] = []
        if stretch is not None and self._calm is not None:
            notes += self._calm.notes(still=False)
        if main.rows and done.plain.grade is None and any(one.assessable for one in main.rows):
            notes.append(
                f"faces were assessable in {sum(one.assessable for one in main.rows)} of {expected} frames, but in no window of "
                f"{protocol.window.length_s:g} s enough of them for a grade that holds"
            )
        learned = next((one for one in main.assessments if one.personal), None)
        if self._calm is None and learned is not None:
            since = learned.start_us / US
            notes.append(f"from {since:g} s on the face is read against the patient's own calm face, learned from the clip itself")
        dark = sum(one.reason is Reason.DARK for one in main.rows)
        if too_dim({Reason.DARK: dark}, len(main.rows), protocol.detect.dim_share):
            why = f"dim: {dark / len(main.rows):.0%} of the frames are too dark, so protocol {protocol.name} leaves the clip out whole"
            return noted(reading.left_out(done), why)
        return noted(done, *notes)

    def _picture(self, path: Path, main: GradeFold, plain: GradeFold) -> ClipResult:
        """A still: its one frame; windows, alerts and questions need time."""
        protocol = self._protocol
        rows = tuple(main.rows)
        reasons = {one.reason: 1 for one in rows if one.reason is not None}
        done = self._done(path, True, rows, reasons, float(bool(rows) and rows[0].assessable))
        done = replace(
            done,
            plain=reading.of_still(plain.rows[0], protocol) if plain.rows else reading.NO_READING,
            personal=reading.of_still(rows[0], protocol) if self._calm is not None and rows else None,
        )
        return noted(done, "a still picture: the grade is of this one moment; nothing was debounced, and there are no windows")

    def _done(self, path: Path, still: bool, rows: tuple[FrameRow, ...], reasons: dict[Reason, int], share: float) -> ClipResult:
        protocol = self._protocol
        notes = [f"no patient is known: the population ({protocol.population.name}) is assumed to fit, not checked"]
        if self._faces > 1:
            notes.append(f"up to {self._faces} faces were seen at once; none is chosen where it is not clear whose is the patient's")
        return ClipResult(
            path=path, source=self._source, still=still, protocol=protocol.name, rule=protocol.rule, model_set=self._model_set,
            duration_s=0.0, frames=rows, assessments=(), alerts=(), questions=(), plain=reading.NO_READING, personal=None,
            assessable_share=share, reasons=reasons, faces=self._faces,
            key_frames=() if self._pictures is None else self._pictures.chosen(), notes=tuple(notes),
        )  # fmt: skip


def noted(result: ClipResult, *notes: str) -> ClipResult:
    """The result with further notes."""
    return replace(result, notes=(*result.notes, *notes))


def failed(path: Path, source: str, protocol: ClinicalProtocol, error: BaseException) -> ClipResult:
    """The row of an input that could not be assessed; says why and what to do."""
    if isinstance(error, WinceError):
        text = f"{error.message}; {error.remedy}" if error.remedy else error.message
        if error.field and error.field != str(path):
            text = f"{error.field}: {text}"
    elif isinstance(error, MemoryError):
        text = "out of memory; give fewer --jobs, or a smaller file"
    else:
        text = f"failed unexpectedly ({type(error).__name__}); please report it with the file's kind and size"
    return ClipResult(
        path=path, source=source, still=False, protocol=protocol.name, rule=protocol.rule, model_set="", duration_s=0.0, frames=(),
        assessments=(), alerts=(), questions=(), plain=reading.NO_READING, personal=None, assessable_share=0.0, reasons={}, faces=0,
        error=text,
    )  # fmt: skip
