"""Spans of windows at the stages that see frames, before there is an assessment: one per source and window, in the trace of the assessment
that will come of it. Its id is made of (site, source, protocol, window), so every stage knows it.

    windows = Windows("detect", site, {"activity": 60_000_000})
    trace = windows.seen(face)      # b"" while spans are off
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from opentelemetry.trace import Span

from wince.domain.estimate import Estimate
from wince.domain.face import Face
from wince.domain.frame import US, Beat, Frame
from wince.domain.ids import assessment_id
from wince.domain.window import window_start
from wince.telemetry import traces
from wince.telemetry.traces import TRACES, Traces

SOURCES = 4096
"""Sources that are remembered; of more, those that said nothing for longest are given up."""
KEPT = 32
"""Windows of a source whose traceparents wait for their assessments."""
LINKS = 8
"""Streams that a window's span links to, at most."""


@dataclass(slots=True)
class _Open:
    protocol: str
    start_us: int
    span: Span
    parent: bytes
    messages: int = 0
    ended_ns: int = 0
    streams: set[str] = field(default_factory=set)


class Windows:
    """One stage's. Thread-safe; does nothing while spans are off."""

    def __init__(self, stage: str, site: UUID, lengths_us: Mapping[str, int], *, to: Traces = TRACES) -> None:
        """`site`: namespace of the site's ids. `lengths_us`: of the windows of each protocol, the default's first. Spans are called
        `<stage>.window`; capture's is the first of its trace."""
        self._name, self._site, self._lengths_us, self._to = f"{stage}.window", site, dict(lengths_us), to
        self._default = next(iter(self._lengths_us))
        self._first = stage == "capture"
        self._lock = threading.Lock()
        self._open: OrderedDict[str, _Open] = OrderedDict()

    def seen(self, message: Frame | Face | Estimate | Beat, *, carried: bytes = b"", stream: str = "", protocol: str = "") -> bytes:
        """A message passed here; the traceparent that goes on with it.

        `carried`: the traceparent that came with it. `stream`: that of the gRPC stream that it goes by. `protocol`: the first of those that
        look at the source: its windows are spans; empty: as before, at first the default's.
        """
        if not self._to.on:
            return b""
        source, time_us = message.source, message.time_us
        if isinstance(message, Beat):  # it speaks of the second before its time
            time_us -= 1
        with self._lock:
            one = self._open.get(source)
            name = protocol if protocol in self._lengths_us else self._default if one is None else one.protocol
            start_us = window_start(time_us, self._lengths_us[name])
            if one is not None and one.protocol != name:
                _end(self._open.pop(source))
                one = None
            if one is not None and start_us < one.start_us:
                return carried  # sent again: its window's span is over
            if one is None or start_us > one.start_us:
                if one is not None:
                    _end(self._open.pop(source))
                one = self._begun(name, source, start_us, time_us, carried, stream)
                if one is None:
                    return b""
                self._open[source] = one
                while len(self._open) > SOURCES:
                    _end(self._open.popitem(last=False)[1])
            self._open.move_to_end(source)
            one.messages += 1
            one.ended_ns = time.time_ns()
            if stream and stream not in one.streams and len(one.streams) < LINKS:
                one.streams.add(stream)
                if (link := traces.remote(stream)) is not None:
                    one.span.add_link(link)
            if isinstance(message, Beat) and message.ended:
                _end(self._open.pop(source))
            return one.parent

    def stop(self) -> None:
        """End all spans. Idempotent."""
        with self._lock:
            while self._open:
                _end(self._open.popitem()[1])

    def _begun(self, protocol: str, source: str, start_us: int, time_us: int, carried: bytes, stream: str) -> _Open | None:
        assessment = assessment_id(self._site, source, protocol, start_us)
        attributes = {"wince.assessment": str(assessment), "wince.protocol": protocol}
        first = self._first and time_us - start_us < US  # who begins in the middle may not be the first: a replica that took over
        links = [stream] if stream else []
        span = self._to.begin(self._name, assessment, attributes, carried=carried, first=first, links=links)
        return None if span is None else _Open(protocol, start_us, span, traces.traceparent(span), streams=set(links))


class Carried:
    """The traceparents that came with messages and wait for the assessment of whose trace they are: of each source the last few windows'.
    Not thread-safe."""

    def __init__(self) -> None:
        self._of: dict[str, dict[UUID, bytes]] = {}

    def keep(self, source: str, carried: bytes) -> None:
        """What came with a message of a source; of one window the last counts."""
        assessment = traces.of(carried)
        if assessment is not None:
            kept = self._of.setdefault(source, {})
            kept.pop(assessment, None)
            kept[assessment] = carried
            while len(kept) > KEPT:
                del kept[next(iter(kept))]

    def take(self, source: str, assessment: UUID) -> bytes:
        """What came with the window's messages; empty: nothing. Older windows' is forgotten."""
        kept = self._of.get(source, {})
        found = kept.get(assessment, b"")
        if found:
            while next(iter(kept)) != assessment:
                del kept[next(iter(kept))]
        return found

    def drop(self, source: str) -> None:
        """Another's from now on."""
        self._of.pop(source, None)


def _end(one: _Open) -> None:
    one.span.set_attribute("wince.messages", one.messages)
    one.span.end(one.ended_ns)
