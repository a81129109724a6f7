"""Runs the estimate stage over the bus: faces in, estimates out, beats between them where they were."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from wince import codec
from wince.bus.headers import headers
from wince.bus.interface import Bus, Partition, Positions, Record
from wince.bus.topics import ESTIMATES, FACES
from wince.codec import Encodable
from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import Beat
from wince.pipeline.estimate import readers as readers_
from wince.pipeline.estimate.clips import Clips
from wince.pipeline.estimate.interface import ClipScorer
from wince.pipeline.estimate.readers import Reader
from wince.runners.ahead import Ahead
from wince.runners.consumer import Consumer
from wince.runners.positions import Recent
from wince.telemetry.windows import Windows

Now = Callable[[Sequence[Face | Beat]], int]
"""The moment on the clock of the messages' times, microseconds."""


def media_clock(batch: Sequence[Face | Beat]) -> int:
    """A file's own time is the clock: nothing of it is late."""
    return min(message.time_us for message in batch)


class Estimating(Consumer):
    """Subscribes to faces; publishes an estimate for each protocol of a face.

    Where members see clips, the last seconds of each source are held in memory, and what they came from stays uncommitted: a successor
    reads it again. The estimates that it makes of it a second time are ignored by grade, by their time."""

    topics = (FACES,)
    group = "estimate"
    batch = 64
    gather_s = 0.15

    def __init__(
        self, bus: Bus, readers: Sequence[Reader], now_us: Now, windows: Windows | None = None, ahead: Ahead | None = None
    ) -> None:
        """`readers`: one for each protocol, the default's first. `windows`: spans, one for each window of a source. `ahead`: keeps out what
        lies too far ahead of now: a beat of then would forget the clips of now; None: everything is taken."""
        super().__init__(bus)
        self._ahead = ahead
        self._windows = windows
        self._readers, self._now_us = tuple(readers), now_us
        self._recent = Recent()
        self.states: readers_.States = {}
        """Counts since the start, and clips, by protocol."""

    def check(self, message: Encodable) -> None:
        """Raises AheadError where a face's or beat's time lies too far ahead of now."""
        if self._ahead is not None and isinstance(message, Face | Beat):
            self._ahead.check(message.source, message.time_us)

    def handle(self, records: Sequence[Record]) -> Positions | None:
        """Score a batch; returns when its estimates will survive."""
        found = [(record, message) for record, message in self.read(records, (Face, Beat)) if isinstance(message, Face | Beat)]
        if batch := [message for _, message in found]:
            states, out = readers_.step(self.states, batch, self._now_us(batch), self._readers)
            futures = []
            for (record, _), several in zip(found, out, strict=True):
                trace = self._trace(record, several[0]) if several else b""  # one face is one message of its window
                for message in several:
                    schema, value = codec.encode(message)
                    futures.append(self._bus.publish(ESTIMATES, message.source, value, headers(schema, trace)))
            for future in futures:
                future.result()
            self.states = states
        if not any(isinstance(reader.scorer, ClipScorer) for reader in self._readers):
            return None
        return self._positions(records, {(record.partition, record.offset): message.time_us for record, message in found})

    def _trace(self, record: Record, message: Estimate | Beat) -> bytes:
        if self._windows is None:
            return b""
        protocol = message.protocol if isinstance(message, Estimate) else ""
        return self._windows.seen(message, carried=record.headers.get("trace", b""), protocol=protocol)

    def revoked(self, partitions: Sequence[Partition]) -> None:
        """Another gathers these clips from now on: forget them."""
        gone = self._recent.drop(partitions)
        for name, state in dict(self.states).items():
            kept = {source: faces for source, faces in state.clips.sources.items() if source not in gone}
            self.states = {**self.states, name: replace(state, clips=Clips(kept))}

    def _positions(self, records: Sequence[Record], times: dict[tuple[int, int], int]) -> Positions:
        now_s = time.monotonic()
        for record in records:
            self._recent.handled(record, now_s, record.key, times.get((record.partition, record.offset)))
        oldest: dict[str, int] = {}
        for state in self.states.values():
            for source, faces in state.clips.sources.items():
                oldest[source] = min(faces[0].time_us, oldest.get(source, faces[0].time_us))
        self._recent.forget(oldest, now_s)
        return self._recent.positions()
