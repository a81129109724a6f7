"""Grades one video or picture, by the stages that `wince run` uses: capture, detect, estimate, grade, on media time from 0.

No patient is known here, so the protocol's population is assumed to fit and not checked; the result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from wince.assess import people
from wince.assess.grade_fold import GradeFold
from wince.assess.inputs.live import Live, LiveClip
from wince.assess.inputs.reference import OPTION, CalmFace, Reference, calm_of
from wince.assess.inputs.view import WHOLE, View
from wince.assess.overlay import film
from wince.assess.overlay.target import Target
from wince.assess.overlay.track import Track
from wince.assess.result import ClipResult
from wince.assess.result_builder import ResultBuilder, noted
from wince.domain.estimate import Estimate
from wince.domain.frame import US, Beat, Frame
from wince.errors import MediaError, WinceError
from wince.models import compiled_folder
from wince.pipeline.capture.array import ArraySource, Pixels
from wince.pipeline.capture.file import FileSource
from wince.pipeline.capture.folder import is_still, open_source
from wince.pipeline.capture.guarded import Clip
from wince.pipeline.capture.media import MediaLimits, file_id
from wince.pipeline.capture.still import StillSource
from wince.pipeline.grade.interface import Personal
from wince.protocols.rules import ClinicalProtocol
from wince.serve import chain, scoring
from wince.settings import Settings

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
        self._chain = chain.build(settings, [protocol])
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
            self._kept = (path, calm_of(found, str(path), self.protocol.grade.calm.max_score))
        return self._kept[1]

    def _one(self, look: _Look, calm: CalmFace | None, stretch: Reference | None) -> ClipResult:
        video = look.opened(self.protocol.detect.rate_hz)
        still = video.still if isinstance(video, ArraySource) else isinstance(video, StillSource)
        end_us = 0 if look.progress is None else video.end_us
        if still and stretch is not None:
            raise MediaError("a picture has no stretch of seconds", field=look.path, remedy="give a picture or clip as the reference")
        builder = ResultBuilder(self.protocol, self.model_set, look.source, partial(self._fold, look.source), look.pictures)
        if stretch is None:
            builder.begin(calm)
        chained = self._chain.anew(look.view.region, look.view.face)
        track = Track(round(US / self.protocol.detect.rate_hz))
        try:
            for message in video:
                out = chained(message)
                if isinstance(message, Frame):
                    builder.see(message, chained.face)
                    if look.overlay is not None:
                        track.take(message.time_us, chained.face)
                for one in out:
                    builder.take(one, stretch)
                if isinstance(message, Beat) and end_us:
                    look.told(min(1.0, message.time_us / end_us))
        finally:
            video.close()
        notes = people.notes(chained.lineup, look.view.face)
        lost_us = video.lost_us if isinstance(video, FileSource) else 0
        done = noted(builder.result(look.path, still, stretch, lost_us=lost_us), *notes)
        if look.overlay is not None and not still:
            seen = track if any(one.assessable for one in done.frames) else Track(1)  # one that is left out whole shows no outline
            film.write(
                look.path, look.overlay.path, look.overlay.key, done, seen, self.protocol, look.view,
                lambda share: look.told(share, drawn=True),
            )  # fmt: skip
        return noted(done, *video.notes()) if isinstance(video, FileSource | LiveClip) else done

    def _fold(self, source: str, calm: CalmFace | None) -> GradeFold:
        """Grade's fold for one input, against the user's calm face; None: as `wince run` does."""
        return GradeFold(self.protocol, source, self._site, self._personal, None if calm is None else calm.face)


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


def engine_wide(error: WinceError, reference: Reference | None) -> bool:
    """Whether an error is of the reference that all inputs share, so that none can be assessed."""
    return reference is not None and reference.path is not None and error.field.startswith(OPTION)
