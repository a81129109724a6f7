"""The members on a server: asked by the Open Inference Protocol, believed only while they are what was packed.

not ready, or an answer of other members     None: the scorer abstains, and readiness is asked again after a while
no answer, refused, late                     Unavailable: the runner keeps its input and tries again
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from wince.errors import ModelFileError
from wince.models.ensemble import MAX_CROPS, Answer
from wince.serving import ready
from wince.serving.client import OipClient
from wince.serving.manifest import Manifest

CHUNK = 16
"""Most crops in one request: at 300 ms each a worker stays within its time."""
AGAIN_S = 5.0
"""How long to wait before a server that was not ready is asked again."""


class ServedMembers:
    """Asks one version of one model set. One instance per thread; the client may be shared."""

    def __init__(
        self, client: OipClient, manifest: Manifest, *, again_s: float = AGAIN_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._manifest, self._again, self._clock = client, manifest, again_s, clock
        self._ready = False
        self._checked = float("-inf")
        self.fault: ModelFileError | None = None
        """Why nothing is scored; None while the members are ready or were not asked yet."""

    @property
    def hashes(self) -> Mapping[str, str]:
        """What was packed."""
        return self._manifest.members

    @property
    def ready(self) -> bool:
        """Whether the last word of the server was the expected one."""
        return self._ready

    def answer(self, crops: Sequence[bytes], clips: Sequence[Sequence[int]] = ()) -> Answer | None:
        """See `ensemble.Members`."""
        if not self._ready and not self.check():
            return None
        parts: list[Answer] = []
        manifest = self._manifest
        for chunk, rows in _requests(crops, clips):
            served = self._client.infer(manifest.name, manifest.version, chunk, list(manifest.members), len(manifest.classes), rows)
            if difference := ready.differs(served, manifest):
                self._ready, self._checked = False, self._clock()
                self.fault = ModelFileError(difference, field=f"{manifest.name} {manifest.version}", remedy="serve what was packed")
                return None
            parts.append(served.answer)
        return _joined(parts)

    def check(self) -> bool:
        """Ask for readiness, at most every `again_s`. Raises Unavailable and ConfigError as `ready.check` does."""
        if self._clock() - self._checked < self._again:
            return self._ready
        try:
            ready.check(self._client, self._manifest)
        except ModelFileError as error:
            self._ready, self.fault = False, error
        else:
            self._ready, self.fault = True, None
        self._checked = self._clock()
        return self._ready


def _requests(crops: Sequence[bytes], clips: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[bytes], list[list[int]]]]:
    """What is asked for at once: CHUNK crops; or at most CHUNK clips, with the crops that they share once, MAX_CROPS at most."""
    if not clips:
        for start in range(0, len(crops), CHUNK):
            yield crops[start : start + CHUNK], []
        return
    places: dict[int, int] = {}
    rows: list[list[int]] = []
    for clip in clips:
        if rows and (len(rows) == CHUNK or len(places.keys() | set(clip)) > MAX_CROPS):
            yield [crops[index] for index in places], rows
            places, rows = {}, []
        rows.append([places.setdefault(index, len(places)) for index in clip])
    yield [crops[index] for index in places], rows


def _joined(parts: Sequence[Answer]) -> Answer:
    members = {name: np.concatenate([part.members[name] for part in parts]) for name in parts[0].members}
    return Answer(np.concatenate([part.status for part in parts]), members, np.concatenate([part.fused for part in parts]))
