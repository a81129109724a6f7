"""The last seconds of each source, for members that see clips: bounded, keyed by the source's own time, part of the fold's state.

What a face adds depends on the faces before it alone, not on how they were cut into batches: so the outcome is one wherever the stage
runs. Faces that are read again take the place of what was known of their time and later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wince.domain.clip import Clip, Kept, gather
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.domain.reason import Reason

MOST_BYTES = 64 << 20
"""Of crops, all sources together: at 12 KB a crop and 10 crops a clip some 500 sources. Beyond it the source that was silent longest
is forgotten; its next clips aren't whole."""
MOST_FACES = 512
"""Most crops of one source, so that a flooding camera is bounded by count too."""


@dataclass(frozen=True, slots=True)
class Clips:
    """Faces by source, ascending in time; the source that spoke last stands last. Immutable: a step that fails leaves it as it was."""

    sources: Mapping[str, tuple[Kept, ...]] = field(default_factory=dict)


class Gathering:
    """The state while a batch is folded."""

    def __init__(self, before: Clips, clip: Clip) -> None:
        self._clip, self._sources = clip, dict(before.sources)

    def face(self, face: Face) -> tuple[bytes, ...] | Reason:
        """Keep a face; the clip that ends at it, or why it isn't whole."""
        known = self._sources.pop(face.source, ())
        since_us = face.time_us - self._clip.reach_us
        kept = [one for one in known if since_us < one.time_us < face.time_us][-MOST_FACES + 1 :]
        kept.append(Kept(face.time_us, face.reason, face.crop))
        self._sources[face.source] = tuple(kept)
        return face.reason or gather(self._clip, kept)

    def beat(self, beat: Beat) -> None:
        """Time passes: what no later clip needs is forgotten; all of it where the source is over."""
        known = self._sources.get(beat.source, ())
        kept = () if beat.ended else tuple(one for one in known if one.time_us > beat.time_us - self._clip.reach_us)
        if kept:
            self._sources[beat.source] = kept
        else:
            self._sources.pop(beat.source, None)

    def after(self) -> Clips:
        """The state, within its bound."""
        size = {source: sum(len(one.crop) for one in kept) for source, kept in self._sources.items()}
        total = sum(size.values())
        for source in list(self._sources):
            if total <= MOST_BYTES:
                break
            total -= size[source]
            del self._sources[source]
        return Clips(self._sources)
