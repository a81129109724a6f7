"""Grades one video or picture, by the stages that `wince run` uses: capture, detect, estimate, grade, on media time from 0.

No patient is known here, so the protocol's population is assumed to fit and not checked; the result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wince.assess import people, reading
from wince.assess.follow import Follow
from wince.assess.live import Live, LiveClip
from wince.assess.overlay import film
from wince.assess.overlay.target import Target
from wince.assess.overlay.track import Track
from wince.assess.pictures import Pictures
from wince.assess.reference import CalmFace, Reference, median_face
from wince.assess.result import ClipResult, FrameRow
from wince.assess.view import WHOLE, View
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat, Frame
from wince.domain.lasting import too_dim
from wince.domain.reason import Reason
from wince.errors import InputError, MediaError, WinceError
from wince.models import compiled_folder
from wince.pipeline.capture.array import ArraySource, Pixels
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.folder import is_still, open_source
from wince.pipeline.capture.guarded import Clip
from wince.pipeline.capture.media import MediaLimits, file_id
from wince.pipeline.capture.still import StillSource
from wince.pipeline.grade.interface import Personal
from wince.protocols.rules import ClinicalProtocol
from wince.serve import scoring
from wince.settings import Settings

OPTION = "--reference"
Progress = Callable[[float], None]
"""Told the share of the input that is done, 0-1, about once a second of media time."""


class Engine:
    """Models loaded once, one input after another. Use it from one thread; it computes on one."""

    def __init__(self, settings: Settings, protocol: ClinicalProtocol) -> None:
        """`protocol`: checked, with its models in the lock (`wince.serve.protocols.default`).

        Raises ModelFileError where a model is absent or changed, ProtocolError where nothing here can score for the protocol.
        """
        compiled_folder.keep_in(settings.models_dir)
        self.protocol, self._site = protocol, settings.site
        self._chain = scoring.build(settings, [protocol])
        self._personal: Personal | None = scoring.personal(protocol) if protocol.estimate.scorer in scoring.PERSONALS else None
        self._referable = protocol.estimate.reference and self._personal is not None
        self._kept: tuple[Path, CalmFace] | None = None

    @property
    def model_set(self) -> str:
        """sha256 (hex) over the sorted sha256 of the model files."""
        return self._chain.model_set

    def assess(
        self,
        path: Path,
        source: str = "",
        *,
        reference: Reference | None = None,
        pictures: bool = False,
        view: View = WHOLE,
        pixels: Pixels | None = None,
        uri: str = "",
        live: Live | None = None,
        overlay: Target | None = None,
        progress: Progress | None = None,
    ) -> ClipResult:
        """Assess a file, `pixels` that `path` only names, or a network camera at `uri` as `live` says. `source`: its sha256 where the
        caller knows it. `pictures`: keep key frames for a report. `view`: how it is looked at; the engine's protocol is at its rate.
        `overlay`: a film to be written of a film.

        Raises MediaError, ResourceError (the file), InputError (the reference shows no face).
        """
        source = source or file_id(path)
        look = _Look(path, source, pictures, view, pixels, uri, live, overlay, progress)
        if reference is None:
            return self._one(look, None, None)
        if not self._referable:
            done = self._one(look, None, None)
            return noted(done, f"reference: protocol {self.protocol.name} uses none, so it was left aside")
        if reference.path is None:
            return self._one(look, None, reference)
        calm = self.calm_face(reference.path)
        done = self._one(look, calm, None)
        return noted(done, *calm.notes(still=is_still(reference.path, MediaLimits())))

    def calm_face(self, path: Path) -> CalmFace:
        """The calm face that a picture or clip shows. Raises MediaError, ResourceError; InputError where no face is assessable in it."""
        if self._kept is None or self._kept[0] != path:
            chained = self._chain.anew()
            try:
                messages = open_source(path, "reference", rate_hz=self.protocol.detect.rate_hz)
                found = [one for message in messages for one in chained(message) if isinstance(one, Estimate)]
            except WinceError as error:
                error.field = f"{OPTION} {path}"
                raise
            self._kept = (path, self._calm(found, str(path)))
        return self._kept[1]

    def _calm(self, estimates: list[Estimate], where: str) -> CalmFace:
        found = [one for one in estimates if one.reason is None and one.embedding is not None and one.reading is not None]
        if not found:
            why = ", ".join(sorted({one.reason for one in estimates if one.reason is not None}))
            raise InputError(
                "no assessable face in the reference" + (f" ({why})" if why else ""),
                field=f"{OPTION} {where}",
                remedy="give a picture or stretch in which the calm face is well seen",
            )
        most = self.protocol.grade.calm.max_score
        moved = sum(one.reading.score > most for one in found if one.reading is not None)
        return median_face([one.embedding for one in found if one.embedding is not None], moved)

    def _one(self, look: _Look, calm: CalmFace | None, stretch: Reference | None) -> ClipResult:
        video = look.opened(self.protocol.detect.rate_hz)
        still = video.still if isinstance(video, ArraySource) else isinstance(video, StillSource)
        end_us = 0 if look.progress is None else video.end_us
        if still and stretch is not None:
            raise MediaError("a picture has no stretch of seconds", field=look.path, remedy="give a picture or clip as the reference")
        job = _Job(self, look.source, look.pictures)
        if stretch is None:
            job.begin(calm)
        chained = self._chain.anew(look.view.region, look.view.face)
        track = Track(round(US / self.protocol.detect.rate_hz))
        try:
            for message in video:
                out = chained(message)
                if isinstance(message, Frame):
                    job.see(message, chained)
                    if look.overlay is not None:
                        track.take(message.time_us, chained.face)
                for one in out:
                    job.take(one, stretch)
                if isinstance(message, Beat) and end_us:
                    look.told(min(1.0, message.time_us / end_us))
        finally:
            video.close()
        notes = people.notes(chained.lineup, look.view.face)
        lost_us = video.lost_us if isinstance(video, FileSource) else 0
        done = noted(job.result(look.path, still, stretch, lost_us=lost_us), *notes)
        if look.overlay is not None and not still:
            seen = track if any(one.assessable for one in done.frames) else Track(1)  # one that is left out whole shows no outline
            film.write(
                look.path, look.overlay.path, look.overlay.key, done, seen, self.protocol, look.view,
                lambda share: look.told(share, drawn=True),
            )  # fmt: skip
        return noted(done, *video.notes()) if isinstance(video, FileSource | LiveClip) else done

    def follow(self, source: str, calm: CalmFace | None) -> Follow:
        """Grade's fold for one input, against the user's calm face; None: as `wince run` does."""
        return Follow(self.protocol, source, self._site, self._personal, None if calm is None else calm.face)

    def calm_of(self, estimates: list[Estimate], stretch: Reference) -> CalmFace:
        """The calm face of a stretch of the input itself. Raises InputError where no face is assessable in it."""
        inside = [one for one in estimates if stretch.start_us <= one.time_us < stretch.end_us]
        return self._calm(inside, f"{stretch.start_us / US:g}-{stretch.end_us / US:g} s")


@dataclass(frozen=True, slots=True)
class _Look:
    """What is asked of one input."""

    path: Path
    source: str
    pictures: bool
    view: View
    pixels: Pixels | None
    uri: str
    live: Live | None
    overlay: Target | None
    progress: Progress | None

    def told(self, share: float, *, drawn: bool = False) -> None:
        """Progress: with an overlay half of the work is looking, half drawing."""
        if self.progress is not None:
            self.progress(share if self.overlay is None else (share + drawn) / 2)

    def opened(self, rate_hz: float) -> Clip:
        """The input as a source. Raises MediaError, ResourceError."""
        if self.uri and self.live is not None:
            return LiveClip(self.uri, self.source, self.live, rate_hz=rate_hz, rotation=self.view.rotation)
        if self.pixels is not None:
            return ArraySource(self.pixels, self.source, rate_hz=rate_hz, rotation=self.view.rotation)
        return open_source(self.path, self.source, rate_hz=rate_hz, rotation=self.view.rotation, pages_hz=self.view.rate_hz)


class _Job:
    """One input on its way. With a stretch of itself as the reference, what comes before its end waits."""

    def __init__(self, engine: Engine, source: str, pictures: bool) -> None:
        self._engine, self._source = engine, source
        self._waiting: list[Estimate | Beat] = []
        self._main: Follow | None = None
        self._plain: Follow | None = None
        self._calm: CalmFace | None = None
        self._pictures = Pictures(engine.protocol.detect.rate_hz) if pictures else None
        self._faces = self._frames = self._end_us = 0

    def begin(self, calm: CalmFace | None) -> None:
        """The calm face is known (or there is none): fold what waited."""
        self._calm = calm
        self._main = self._engine.follow(self._source, calm)
        self._plain = self._main if calm is None else self._engine.follow(self._source, None)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            self._fold(one)

    def see(self, frame: Frame, chained: scoring.Chain) -> None:
        """A frame, after detect."""
        face = chained.face
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
        self.begin(self._engine.calm_of([one for one in self._waiting if isinstance(one, Estimate)], stretch))

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
        main, plain, protocol = self._main, self._plain, self._engine.protocol
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

    def _picture(self, path: Path, main: Follow, plain: Follow) -> ClipResult:
        """A still: its one frame; windows, alerts and questions need time."""
        protocol = self._engine.protocol
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
        protocol = self._engine.protocol
        notes = [f"no patient is known: the population ({protocol.population.name}) is assumed to fit, not checked"]
        if self._faces > 1:
            notes.append(f"up to {self._faces} faces were seen at once; none is chosen where it is not clear whose is the patient's")
        return ClipResult(
            path=path, source=self._source, still=still, protocol=protocol.name, rule=protocol.rule, model_set=self._engine.model_set,
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


def engine_wide(error: WinceError, reference: Reference | None) -> bool:
    """Whether an error is of the reference that all inputs share, so that none can be assessed."""
    return reference is not None and reference.path is not None and error.field.startswith(OPTION)
